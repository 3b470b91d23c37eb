"""The worker: listens to the doorbell and does what it names; while nobody can ring, it looks for itself."""

import gc
import logging
import signal
import threading
from typing import Any

import django_rq
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.worker.base import StopRequested

from handoffs import jobs

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 20
LOOK_AGAIN_SECONDS = 1.0


class Listener(SimpleWorker):
    """Runs jobs in this process, keeps nothing about them, and gives up at once when the queue cannot be reached."""

    max_connection_wait_time = 1.0
    leaving = False

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        try:
            super().heartbeat(timeout, pipeline)
        except RedisError as error:
            raise StopRequested from error

    def request_stop(self, signum: int, frame: Any) -> None:
        self.leaving = True
        super().request_stop(signum, frame)

    def execute_job(self, job: Any, queue: Any) -> None:
        close_old_connections()
        job.failure_ttl = 3600  # a failed ring teaches nothing after an hour: what is due stands in the database
        super().execute_job(job, queue)


class Command(BaseCommand):
    help = "Delivers what is in the outbox, woken by the doorbell, until it is stopped."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        gc.freeze()  # what was loaded to start with stays for good, and need not be looked through again and again
        stopping = threading.Event()
        while not stopping.is_set():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopping.set())
            if _listen():
                return
            _look_for_itself()
            stopping.wait(LOOK_AGAIN_SECONDS)


def _listen() -> bool:
    """Do what the doorbell asks for; True when told to leave, False when the queue cannot be reached."""
    try:
        queue = django_rq.get_queue("default")
        listener = Listener(
            [queue],
            connection=queue.connection,
            serializer=JSONSerializer,
            worker_ttl=LISTEN_SECONDS,
            default_result_ttl=0,
        )
        listener.work(logging_level="WARNING")
    except (RedisError, OSError) as error:
        logger.warning("doorbell_unreachable: %s", error)
        return False
    return listener.leaving


def _look_for_itself() -> None:
    close_old_connections()
    try:
        jobs.deliver()
        jobs.notify_beside()
        jobs.replay()
        jobs.import_history()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("work_without_database: %s", error)
    except Exception:
        logger.exception("work_failed")
