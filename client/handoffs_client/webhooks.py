"""Messages from the desk: believed only with a valid signature, dealt with once."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from standardwebhooks import Webhook, WebhookVerificationError

from handoffs_client import exact
from handoffs_client.errors import WebhookRefused
from handoffs_client.journal import Journal
from handoffs_client.messages import Handoff

MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class News:
    """One message: `type` such as `handoff.resolved`, the handoff at that moment, and its `sequence` in the trail."""

    id: str
    type: str
    handoff: Handoff
    sequence: int


class Inbox:
    """Takes messages in. Give it both secrets while the desk's secret is being rotated.

    It remembers in the journal which messages were dealt with, so share the journal with the program's next run.
    """

    def __init__(self, secrets: str | Sequence[str], *, journal: Journal | None = None) -> None:
        listed = [secrets] if isinstance(secrets, str) else list(secrets)
        self._webhooks = [Webhook(secret) for secret in listed]
        self._journal = journal or Journal()
        self._one_at_a_time = threading.Lock()

    @contextmanager
    def taking(self, body: bytes, headers: Mapping[str, str]) -> Iterator[News | None]:
        """The message, or None where it was dealt with before; it counts as dealt with when the block ends well.

        Raises WebhookRefused: answer 401 and nothing else. If the block raises, answer 5xx, and it comes again.
        """
        news = self.read(body, headers)
        with self._one_at_a_time:
            if self._journal.was_taken(news.id):
                yield None
                return
            yield news
            self._journal.note_taken(news.id)

    def read(self, body: bytes, headers: Mapping[str, str]) -> News:
        """The message after its signature was checked. Raises WebhookRefused."""
        named = {name.lower(): value for name, value in headers.items()}
        if not any(_proves(webhook, body, named) for webhook in self._webhooks):
            raise WebhookRefused("the signature is missing, too old, or not made with our secret")
        try:
            told = exact.loads(body)
            handoff = Handoff.of(told["data"])
            return News(
                id=named["webhook-id"], type=told["type"], handoff=handoff, sequence=int(told["data"]["sequence"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WebhookRefused(f"signed, but no message as the desk sends them ({error!r})") from error


def _proves(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError, UnicodeDecodeError):
        return False
    return True
