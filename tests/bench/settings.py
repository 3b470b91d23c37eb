"""The desk's own settings, with the floor beside it which the bench asks without a limit."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.bench.floor"]
ROOT_URLCONF = "tests.bench.floor.urls"
