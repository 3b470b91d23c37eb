"""The bot's side of the payment provider: pay once, take back once."""

from urllib.parse import quote

import requests

from .records import Refund

ANSWERS_WITHIN_SECONDS = 5.0


class ProviderError(Exception):
    """The provider did not do it; the words are its own."""


class Till:
    """Calls one provider. The reference is its idempotency key, so that no refund is ever paid twice."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def pay(self, refund: Refund) -> str:
        """Pay the refund, or learn that it was paid before; the payment's name. Raises ProviderError."""
        told = self._call("PUT", refund.reference, {"amount": str(refund.amount), "currency": refund.currency})
        return str(told["payment"])

    def take_back(self, reference: str) -> None:
        """Take a refund back, or learn that it was. Raises ProviderError where the customer has collected it."""
        self._call("DELETE", reference, None)

    def _call(self, method: str, reference: str, body: dict[str, str] | None) -> dict[str, str]:
        url = f"{self._url}/refunds/{quote(reference, safe='')}"
        try:
            answer = self._session.request(method, url, json=body, timeout=ANSWERS_WITHIN_SECONDS)
            told: dict[str, str] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderError(f"The provider does not answer: {type(error).__name__}") from error
        if not answer.ok:
            raise ProviderError(told.get("detail") or f"The provider answers {answer.status_code}")
        return told
