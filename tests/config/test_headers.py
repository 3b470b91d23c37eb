"""What browsers are allowed to do with our pages."""

import pytest

pytestmark = pytest.mark.django_db


def policy(client, path: str) -> dict[str, str]:
    header = client.get(path)["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


def test_our_own_pages_load_nothing_from_elsewhere_and_run_nothing_inline(client):
    assert policy(client, "/accounts/login/") == {
        "default-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
        "object-src": "'none'",
    }


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/docs/"])
def test_pages_that_others_drew_may_style_inline_but_never_script(client, path):
    found = policy(client, path)
    assert found["style-src"] == "'self' 'unsafe-inline'"
    assert "unsafe" not in found["default-src"]
    assert "script-src" not in found


@pytest.mark.parametrize("path", ["/accounts/login/", "/nothing-here/", "/healthz"])
def test_nobody_guesses_types_or_frames_us(client, path):
    answer = client.get(path)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
