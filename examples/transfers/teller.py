"""The bot's side of the bank: one call each, and its errors by the names that the policy knows."""

from urllib.parse import quote

import requests

from .records import Transfer

ANSWERS_WITHIN_SECONDS = 1.0


class BankError(Exception):
    """The bank did not do it; `kind` is the error type that the desk is told."""

    kind = "bank_error"


class BankTimeout(BankError):
    """No answer in time: nobody knows whether the transfer was made."""

    kind = "bank_timeout"


class BankRefused(BankError):
    """The bank will not make this transfer."""

    kind = "bank_refused"


class AlreadyMade(BankError):
    """It was made, so it cannot be cancelled."""


class Teller:
    """Calls one bank. The reference is the bank's idempotency key, so that no transfer is ever made twice."""

    def __init__(self, url: str, *, within_seconds: float = ANSWERS_WITHIN_SECONDS) -> None:
        self._url, self._within_seconds = url.rstrip("/"), within_seconds
        self._session = requests.Session()
        self._session.trust_env = False

    def make(self, transfer: Transfer) -> None:
        """Make the transfer, or learn that it was made before. Raises BankTimeout, BankRefused, BankError."""
        order = {"account": transfer.account, "amount": str(transfer.amount), "currency": transfer.currency}
        status = self._call("PUT", transfer.reference, json=order)
        if status == 422:
            raise BankRefused(f"The bank does not know the account of {transfer.payee}")
        if status not in (200, 201):
            raise BankError(f"The bank answers {status}")

    def was_made(self, reference: str) -> bool:
        """What the statement says. Raises BankTimeout."""
        return self._call("GET", reference) == 200

    def cancel(self, reference: str) -> None:
        """Cancel it, or have it cancelled before. Raises AlreadyMade, BankTimeout."""
        if self._call("DELETE", reference) == 409 and self.was_made(reference):
            raise AlreadyMade(f"The bank made {reference} already")

    def _call(self, method: str, reference: str, **more: object) -> int:
        url = f"{self._url}/transfers/{quote(reference, safe='')}"
        try:
            return self._session.request(method, url, timeout=self._within_seconds, **more).status_code  # type: ignore[arg-type]
        except (requests.ConnectionError, requests.Timeout) as error:
            raise BankTimeout(f"The bank did not answer within {self._within_seconds:g} s") from error
