"""The database backend: Django's own for PostgreSQL, and what the desk's busiest statements need beside it."""

import select
import time
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper

ASKED_AFTER_SECONDS = 30
"""A connection that lay idle for longer is asked whether it still works: a firewall may have forgotten it."""
_ServerBindingCursor: Any = base.ServerBindingCursor
_ClientBindingCursor: Any = base.Cursor


class _BinaryCursor(_ServerBindingCursor):
    def execute(self, query: Any, params: Any = None) -> Any:
        if params is not None:
            query = _ClientBindingCursor(self.connection).mogrify(query, params)
        return super().execute(query, prepare=False, binary=True)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL."""

    looked_at = 0.0

    def prepared(self) -> CursorWrapper:
        """A cursor for statements whose text is always the same: the server plans each once a connection.

        Only where one plan is right for all parameters, as for keys and new rows. Whoever rewrites statements (to
        ignore a trigger, say) gets plain ones.
        """
        cursor: CursorWrapper = self.cursor()
        if self.execute_wrappers:
            return cursor
        cursor.cursor = _ServerBindingCursor(self.connection)
        return cursor

    def binary(self) -> CursorWrapper:
        """A cursor whose answers come as the server holds them: bytes as text are twice as many, to be read anew.

        Parameters are written into the statement, as Django does everywhere; nothing is prepared.
        """
        cursor: CursorWrapper = self.cursor()
        cursor.cursor = _BinaryCursor(self.connection)
        return cursor

    def is_usable(self) -> bool:
        """What Django asks at the begin of a request: of a connection used a moment ago its socket tells as well."""
        before, self.looked_at = self.looked_at, time.monotonic()
        if self.errors_occurred or self.looked_at - before > ASKED_AFTER_SECONDS or self._has_been_told_something():
            return bool(super().is_usable())
        return True

    def _has_been_told_something(self) -> bool:
        """An idle connection has nothing to read, unless the server took leave or is gone."""
        if self.connection is None or self.connection.closed:
            return True
        socket = select.poll()
        socket.register(self.connection.fileno(), select.POLLIN)
        return bool(socket.poll(0))
