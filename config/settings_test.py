"""The settings of the tests: the same, with a throwaway data folder for each worker and what it starts."""

import os
import tempfile

os.environ.setdefault("HANDOFFS_TEST_DIR", os.path.join(tempfile.gettempdir(), f"desk-test-{os.getpid()}"))
# Services of its own for each worker: the feed of events waits for what is open anywhere in its database server.
os.environ["DATA_DIR"] = os.environ["HANDOFFS_TEST_DIR"] + os.environ.get("PYTEST_XDIST_WORKER", "")
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("EMAIL_URL", "memorymail://")
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ.setdefault("HANDOFFS_IDLE_TRANSACTION_TIMEOUT", "0")  # most tests are one long transaction

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
HANDOFFS_ALLOW_PRIVATE_WEBHOOKS = True
ALLOWED_HOSTS = ["*"]
ACCOUNT_RATE_LIMITS = False
