"""The settings as another process would read them: complete without an environment, loud about mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config.queue import connection_settings


def read(tmp_path: Path, names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = f"from config import settings; print(*(getattr(settings, name) for name in {names.split()}), sep='|')"
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env={**clean, "DATA_DIR": str(tmp_path / "data"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_clean_checkout_needs_nothing(tmp_path):
    outcome = read(tmp_path, "DEBUG DESK_URL HANDOFFS_ALLOW_PRIVATE_WEBHOOKS")
    assert outcome.stdout.strip() == "False|http://127.0.0.1:8000|False", outcome.stderr


def test_the_secret_key_is_made_once_for_its_owner_only(tmp_path):
    first, second = (read(tmp_path, "SECRET_KEY").stdout for _ in range(2))
    assert first == second
    assert len(first.strip()) > 50
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"DATABASE_URL": "sqlite:///x"}, "must name a PostgreSQL database"),
        ({"DESK_URL": "desk.example"}, "DESK_URL must look like"),
        ({"PORT": "many"}, "many"),
        ({"DATA_DIR": "/proc/desk"}, "cannot write to the data folder /proc/desk"),
    ],
)
def test_a_mistake_is_named(tmp_path, environment, complaint):
    outcome = read(tmp_path, "DEBUG", **environment)
    assert outcome.returncode != 0
    assert complaint in outcome.stderr


def test_an_address_with_https_makes_cookies_secure(tmp_path):
    outcome = read(tmp_path, "SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE", DESK_URL="https://desk.example")
    assert outcome.stdout.strip() == "True|True"


def test_the_queue_answers_quickly_or_not_at_all():
    found = connection_settings("unix:///run/valkey.sock")
    assert found["REDIS_CLIENT_KWARGS"]["unix_socket_path"] == "/run/valkey.sock"
    assert found["REDIS_CLIENT_KWARGS"]["socket_timeout"] <= 0.5
    assert found["REDIS_CLIENT_KWARGS"]["retry"].get_retries() == 0


def test_an_external_queue_keeps_its_name_password_and_encryption():
    found = connection_settings("rediss://me:secret@queue.example:6380/3")
    wanted = {"HOST": "queue.example", "PORT": 6380, "DB": 3, "USERNAME": "me", "PASSWORD": "secret", "SSL": True}
    assert {name: found[name] for name in wanted} == wanted
