"""Follows the feed of events: every one, in order, from where the program's last run left off."""

from collections.abc import Iterator, Sequence

from handoffs_client.desk import LEAST_PAUSE_SECONDS, LONG_POLL_SECONDS, Desk
from handoffs_client.messages import Event, Stretch

END = "now"


class Feed:
    """The events of the handoffs that the desk's token sees, at least once each, over crashes.

    The place is kept in the journal under `name`, so give two feeds two names. A new feed begins with what happens from
    now on, or with the first event there is where `from_the_start`. `kinds` (such as `resolved`) and `workflow` leave
    out the others. Use it from one thread.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        name: str = "events",
        kinds: Sequence[str] = (),
        workflow: str = "",
        from_the_start: bool = False,
    ) -> None:
        self._desk, self._name, self._kinds, self._workflow = desk, name, tuple(kinds), workflow
        self._place = desk.journal.place(name) or ("" if from_the_start else END)
        self._wish_seconds = 0.0

    def __iter__(self) -> Iterator[Event]:
        """Events as they happen, until `Desk.stopping` is set."""
        while not self._desk.stopping.is_set():
            yield from self.waiting(wait_seconds=LONG_POLL_SECONDS)
            if self._wish_seconds:
                self._desk.stopping.wait(max(LEAST_PAUSE_SECONDS, self._wish_seconds))

    def waiting(self, *, wait_seconds: int = 0) -> Iterator[Event]:
        """What has happened since; waits `wait_seconds` (at most 60) for the first where nothing has.

        An event counts as read when the next one is asked for: after a crash, the one in hand comes again.
        """
        stretch = self._read(wait_seconds)
        while True:
            for event in stretch.events:
                yield event
                self._keep(event.cursor)
            self._keep(stretch.after)
            if not stretch.has_more:
                return
            stretch = self._read(0)

    def _read(self, wait_seconds: int) -> Stretch:
        stretch = self._desk.events(self._place, kinds=self._kinds, workflow=self._workflow, wait_seconds=wait_seconds)
        self._wish_seconds = stretch.retry_after_seconds
        return stretch

    def _keep(self, place: str) -> None:
        if place != self._place:
            self._desk.journal.keep_place(self._name, place)
            self._place = place
