"""The metrics pages: what managers see, that every figure opens its handoffs, and the files one can take away."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from handoffs.models import Handoff
from handoffs.portal import charts
from handoffs.portal.metrics import behind, drawing
from handoffs.portal.metrics.files import safe
from tests.factories import ANALYST, CLERK, DEAR, HandoffFactory, PersonFactory, publish, role

pytestmark = pytest.mark.django_db
PAGE = "/metrics/"
PAGES = ("/metrics/", "/metrics/workflows/invoice-matching/", "/metrics/compare/", "/metrics/handoffs/?figure=mttr")
FILES = ("/metrics/table.csv?by=role", "/metrics/handoffs.csv?figure=volume")


@pytest.fixture
def some_work(ann, bob, lea):
    """Two resolved by different people, one returned on the way, one withdrawn, one open and late."""
    HandoffFactory(resolved=True, accepted_by=ann)
    HandoffFactory(data=DEAR, resubmitted=True, resolved="request_vendor_correction")
    HandoffFactory(withdrawn=True)
    HandoffFactory(overdue=True)


def rows_of(answer):
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


@pytest.mark.parametrize("address", [*PAGES, *FILES])
def test_only_managers_see_the_numbers(as_, ann, lea, workflow, address):
    assert as_(ann).get(address).status_code == 403
    assert as_(lea).get(address).status_code == 200


def test_a_manager_of_another_workflow_sees_nothing_of_this_one(as_, lea, some_work):
    other = PersonFactory(username="mia", roles=["Expense manager"])
    role("Expense manager").permissions.add(*lea.groups.first().permissions.all())
    assert as_(other).get(PAGES[1]).status_code == 404
    page = as_(other).get(PAGE)
    assert page.context["is_empty"]
    assert as_(other).get("/metrics/handoffs/?figure=volume&workflow=invoice-matching").context["count"] == 0


def test_every_number_of_the_page_opens_as_many_handoffs(as_, lea, some_work):
    client = as_(lea)
    page = client.get(PAGE + "?by=role")
    tiles = {tile.label: tile for tile in page.context["tiles"]}
    expected = {
        "Handoffs": ("4", 4), "Time to resolve": (None, 2), "Rework": ("50.0 %", 1), "Open now": ("1", 1),
        "Time to accept": (None, 2),
    }  # fmt: skip
    for label, (words, count) in expected.items():
        opened = client.get(tiles[label].url)
        assert opened.context["count"] == len(opened.context["rows"]) == count, label
        assert words in (None, tiles[label].value)
    for row in page.context["table"]["rows"]:
        volume = row["cells"][0]
        assert client.get(volume.url).context["count"] == int(volume.text)


def test_every_link_of_the_page_leads_somewhere(as_, lea, some_work):
    client = as_(lea)
    for address in PAGES:
        page = client.get(address)
        for url in {unescape(url) for url in re.findall(r'href="(/metrics[^"#]*)', page.text)}:
            assert client.get(url).status_code == 200, url


def test_a_range_is_part_of_the_address_and_wrong_ones_are_refused(as_, lea, some_work):
    client = as_(lea)
    assert [one["label"] for one in client.get(PAGE).context["ranges"] if one["current"]] == ["30 days"]
    today = timezone.now().date().isoformat()
    answer = client.get(f"{PAGE}?since={today}&until={today}&by=outcome")
    assert answer.context["days"] == {"since": today, "until": today}
    assert client.get(PAGE + "?since=soon").status_code == 400
    assert client.get(PAGE + "?by=colour").status_code == 400
    assert client.get("/metrics/handoffs/?figure=luck").status_code == 404
    assert client.get("/metrics/handoffs/?after=x_y").status_code == 400


def test_filters_narrow_everything_and_can_be_taken_away(as_, lea, some_work):
    page = as_(lea).get(f"{PAGE}?role={CLERK.replace(' ', '+')}")
    assert page.context["tiles"][0].value == "3"
    assert [one["label"] for one in page.context["filters"]] == [f"Role: {CLERK}"]
    assert "role" not in page.context["filters"][0]["url"]


def test_a_tile_says_what_became_of_it(as_, lea, some_work, now):
    Handoff.objects.filter(state="withdrawn").update(opened_at=now - timedelta(days=40))
    tile = as_(lea).get(PAGE).context["tiles"][0]
    assert (tile.change.words, tile.change.icon, tile.change.tone, tile.before) == ("+200 %", "arrow-up", "", "1")


def test_an_empty_window_says_what_to_do(as_, lea, workflow):
    page = as_(lea).get(PAGE)
    assert "Nothing happened in this window" in page.text
    assert "range=year" in page.text


def test_the_list_behind_a_figure_goes_on_page_by_page(as_, lea, workflow, monkeypatch):
    monkeypatch.setattr(behind, "PAGE_SIZE", 2)
    made = {HandoffFactory().pk for _ in range(5)}
    client, seen = as_(lea), []
    page = client.get("/metrics/handoffs/?figure=volume&range=7d")
    while page.context["older"]:
        seen += page.context["rows"]
        page = client.get("/metrics/handoffs/" + page.context["older"])
    seen += page.context["rows"]
    assert [row["handoff_id"] for row in seen] == sorted(made, reverse=True)


def test_two_versions_of_a_policy_are_compared(as_, lea, some_work):
    publish(title="Matching of invoices")
    HandoffFactory()
    page = as_(lea).get("/metrics/compare/?workflow=invoice-matching&policy=1&against=2")
    (volume,) = [row for row in page.context["rows"] if row["label"] == "Handoffs"]
    assert (volume["one"], volume["other"], volume["change"].words) == ("4", "1", "−75 %")
    assert as_(lea).get(volume["other_url"]).context["count"] == 1


def test_two_periods_are_compared(as_, lea, some_work, now):
    day, before = now.date(), (now - timedelta(days=1)).date()
    page = as_(lea).get(f"/metrics/compare/?since={day}&until={day}&and_since={before}&and_until={before}")
    (volume,) = [row for row in page.context["rows"] if row["label"] == "Handoffs"]
    assert int(volume["one"]) + int(volume["other"]) == 4


def test_a_table_as_csv_has_numbers_as_numbers(as_, lea, some_work):
    head, *rows = rows_of(as_(lea).get("/metrics/table.csv?by=role"))
    found = {row[1]: dict(zip(head, row, strict=True)) for row in rows}
    assert {name: (row["volume"], row["rework_ratio"], row["open_now"]) for name, row in found.items()} == {
        CLERK: ("3", "0.0", "1"),
        ANALYST: ("1", "1.0", "0"),
    }
    assert float(found[ANALYST]["mttr_mean_seconds"]) > 0


def test_handoffs_as_csv_are_those_behind_the_figure(as_, lea, some_work):
    HandoffFactory(reference="=HYPERLINK(1)")
    answer = as_(lea).get("/metrics/handoffs.csv?figure=volume")
    head, *rows = rows_of(answer)
    assert (len(rows), answer.streaming) == (5, True)
    assert {dict(zip(head, row, strict=True))["reference"] for row in rows} >= {"'=HYPERLINK(1)"}
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "%0A"])
def test_no_text_begins_like_a_formula(text):
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize(("value", "cell"), [(-1.5, -1.5), (3, 3), (None, ""), (True, "yes"), ("A-1", "A-1")])
def test_what_is_no_formula_stays_as_it_is(value, cell):
    assert safe(value) == cell


@pytest.mark.parametrize(("address", "most"), list(zip(PAGES, (42, 42, 26, 16), strict=True)))
def test_a_page_costs_the_same_with_more_rows(as_, lea, some_work, django_assert_max_num_queries, address, most):
    client = as_(lea)
    client.get(address)
    for _ in range(3):
        with django_assert_max_num_queries(most):
            assert client.get(address).status_code == 200
        HandoffFactory(resolved=True)


def test_a_page_keeps_within_its_weight(as_, lea, some_work, now):
    for days in range(0, 365, 9):
        HandoffFactory(opened_at=now - timedelta(days=days))
    for address in (f"{PAGE}?range=year&by=week", f"{PAGE}?range=30d&by=trigger"):
        assert len(as_(lea).get(address).content) < 110_000


# --- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (1, 1), (3, 4), (4.1, 5), (7, 10), (12, 20), (230, 400), (0.031, 0.04)]
)
def test_axes_end_with_a_round_number(highest, top):
    assert charts.nice_top(highest) == pytest.approx(top)


def test_bars_stand_on_the_ground_and_lines_break_where_nothing_was():
    bars = charts.Series(name="Opened", numbers=[2, 0, 4], words=["a", "b", "c"], tone=1, bars=True)
    line = charts.Series(name="Rate", numbers=[1, None, 3], words=["a", "b", "c"], tone=2)
    drawn = charts.chart("Both", [bars, line], ["1", "2", "3"], unit=charts.PLAIN)
    assert [(bar.y, bar.height, bar.title) for bar in drawn.series[0].bars] == [("80", "80", "a"), ("0", "160", "c")]
    assert (drawn.series[1].strokes, [dot.title for dot in drawn.series[1].dots]) == ((), ["a", "c"])
    assert drawn.steps == ("4", "2", "0")


def test_a_time_axis_is_in_the_unit_that_fits():
    drawn = charts.chart(
        "Time", [charts.Series(name="T", numbers=[7200.0, 3 * 3600], words=["", ""], tone=1)], ["", ""]
    )
    assert drawn.steps == ("4 h", "2 h", "0 h")


def test_a_long_axis_keeps_its_first_and_last_label():
    drawn = charts.chart("Long", [], [str(number) for number in range(31)], unit=charts.PLAIN)
    assert (drawn.labels[0], drawn.labels[-1], len(drawn.labels), drawn.is_empty) == ("0", "30", 5, True)


def test_a_trend_needs_two_numbers():
    assert charts.spark([None, 1.0, None]) == ()
    assert charts.spark([1.0, 2.0]) == ("0,25 100,3",)


def test_pages_have_nothing_inline(as_, lea, some_work):
    for address in PAGES:
        text = as_(lea).get(address).text
        assert " style=" not in text
        assert "<script>" not in text


def test_the_columns_of_the_table_are_figures():
    assert set(drawing.COLUMNS) | set(drawing.TREND) <= set(drawing.FIGURES)
