"""Leases that an interrupted attempt still holds: given back, uncounted, as soon as the database answers."""

import threading
import time
from uuid import UUID

import structlog

from db.errors import MusicLibraryError
from db.pool import DatabasePool
from db.write import transitions

log = structlog.get_logger()

_PAUSE_SECONDS = 0.5


class Debts:
    """What one process owes. A thread pays it, so that it does not wait for the process to get another task."""

    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._tokens: list[UUID] = []
        self._paying = False

    def owe(self, token: UUID) -> None:
        """Give back what is held under this token, now or whenever that is possible."""
        with self._lock:
            self._tokens.append(token)
            if self._paying:
                return
            self._paying = True
        threading.Thread(target=self._pay, name="debts", daemon=True).start()

    def _pay(self) -> None:
        while True:
            with self._lock:
                if not self._tokens:
                    self._paying = False
                    return
                token = self._tokens[-1]
            if self._give_back(token):
                with self._lock:
                    self._tokens.remove(token)
            else:
                time.sleep(_PAUSE_SECONDS)

    def _give_back(self, token: UUID) -> bool:
        try:
            with self._pool.transaction() as conn:
                returned = transitions.give_back(conn, token=token)
        except Exception as error:
            if isinstance(error, MusicLibraryError) and error.retryable:
                log.debug("lease_not_given_back_yet", error=str(error))
                return False
            # Whatever it is, the other debts must still be paid; this lease runs out, and the sweeper ends it.
            log.exception("lease_left_to_run_out", lease_token=token)
            return True
        if returned:
            log.info("lease_given_back", tracks=returned)
        return True
