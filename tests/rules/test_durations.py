"""Durations: what is read, what is refused and why, and that words say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoffs.rules.durations import LONGEST_SECONDS, seconds, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30),
        ("5m", 300),
        ("8h", 28_800),
        ("3d", 259_200),
        ("2w", 1_209_600),
        ("1h30m", 5_400),
        ("1w2d3h4m5s", 604_800 + 172_800 + 10_800 + 240 + 5),
        ("0m", 0),
        ("90m", 5_400),
        ("007s", 7),
    ],
)
def test_a_duration_is_read(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1.5h", "-1h", "1h 30m", "30m1h", "1h1h", "5M", "5min", "٣h", "1h\n", "0x1h", "1" * 40 + "h"]
)
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="is no duration: write 30s, 5m, 8h, 3d, 2w or 1h30m"):
        seconds(text)


@pytest.mark.parametrize("value", [None, 5, True, ["5m"], b"5m"])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match="is no duration"):
        seconds(value)


def test_the_longest_is_ten_years():
    assert seconds("3660d") == LONGEST_SECONDS
    with pytest.raises(ValueError, match="3660d1s is longer than ten years"):
        seconds("3660d1s")


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (5_400, "1 h 30 m"),
        (86_400, "1 d"),
        (1_209_600, "14 d"),
        (90_061, "1 d 1 h 1 m 1 s"),
    ],
)
def test_words_for_people(count, expected):
    assert words(count) == expected


def test_words_of_less_than_nothing_are_refused():
    with pytest.raises(ValueError, match="-1 s: a duration cannot be negative"):
        words(-1)


@given(st.integers(0, LONGEST_SECONDS))
def test_words_without_spaces_are_the_same_duration(count):
    assert seconds(words(count).replace(" ", "")) == count
