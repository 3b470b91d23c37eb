"""What the web server loads before it makes its workers."""

import subprocess
import sys

TOLD = """
import sys, threading
import config.wsgi
from django.db import connection
from handoffs.portal.tags import sprite
print("handoffs.api.work" in sys.modules, sprite.cache_info().currsize, connection.connection, threading.active_count())
"""


def test_what_requests_need_is_loaded_before_there_are_workers_and_nothing_that_they_cannot_share():
    told = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "1", "None", "1"]
