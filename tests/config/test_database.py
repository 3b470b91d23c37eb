"""Of a connection used a moment ago the socket tells whether it still works; and cursors that answer in binary."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def another():
    """A connection of its own, used a moment ago."""
    wrapper = connection.copy()
    wrapper.ensure_connection()
    assert wrapper.is_usable()
    yield wrapper
    wrapper.close()


def asked(wrapper):
    """When the server last heard a question from it."""
    with connection.cursor() as cursor:
        pid = wrapper.connection.info.backend_pid
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT query_start FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone()[0]


def test_it_is_not_asked_while_it_is_in_use(another):
    before = asked(another)
    assert another.is_usable()
    assert asked(another) == before


@pytest.mark.parametrize("trouble", [{"looked_at": 0.0}, {"errors_occurred": True}])
def test_it_is_asked_after_a_rest_or_an_error(another, trouble):
    before = asked(another)
    vars(another).update(trouble)
    assert another.is_usable()
    assert asked(another) > before


def test_one_that_the_server_ended_is_not_usable(another):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [another.connection.info.backend_pid])
    assert not another.is_usable()


def test_a_binary_cursor_gives_what_a_plain_one_does(another):
    answers = []
    for cursor in (another.cursor(), another.binary()):
        with cursor:
            cursor.execute("SELECT %s::bytea, ARRAY[%s, NULL], %s, '%%'", [b"\x00\xff%", 7, "50 %"])
            answers += [(bytes(kept), *others) for kept, *others in cursor]
            cursor.execute("SELECT '50 %'")
            answers += cursor.fetchall()
    assert answers == [(b"\x00\xff%", [7, None], "50 %", "%"), ("50 %",)] * 2
