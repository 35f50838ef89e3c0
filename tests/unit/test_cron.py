"""Cron expressions: what is read, what is refused and how, and the search against croniter's own."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.time.cron import Cron, DayFields
from scheduler.core.time.fields import DAY, MAX_LENGTH, WEEKDAY, Reading, read_expression
from scheduler.core.time.instants import to_iso
from scheduler.core.time.slots import CronSlots, expand
from scheduler.errors import ConfigError

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)  # a Sunday
SOME = settings(max_examples=150, deadline=None)


def fires(
    expr: str, count: int = 4, *, tz: str = "UTC", name: str = "job", fields: DayFields = "or"
) -> list[str]:
    cron, instant, found = Cron(expr, tz, name, fields=fields), NOW, []
    for _ in range(count):
        following = cron.next_after(instant)
        assert following is not None
        instant = following
        found.append(to_iso(instant).removesuffix(":00Z"))
    return found


def problem(expr: str) -> tuple[str, str]:
    """The code of the first problem, and the text under its caret."""
    first = read_expression(expr).problems[0]
    return first.code, expr[first.start : first.end]


class TestReading:
    """What the fields say."""

    def test_names_in_any_case_and_ranges_that_wrap(self) -> None:
        assert fires("0 9 * * fri-0", 3) == ["2026-11-27T09:00", "2026-11-28T09:00", "2026-11-29T09:00"]
        assert fires("0 9 1 Nov-Feb *", 4) == [
            "2026-12-01T09:00",
            "2027-01-01T09:00",
            "2027-02-01T09:00",
            "2027-11-01T09:00",
        ]

    def test_a_wrapped_range_with_a_step_counts_on_from_its_beginning(self) -> None:
        assert read_expression("0 0 1 oct-mar/2 fri-mon/2").fields[3:] == ("2,10,12", "0,5")

    def test_equal_bounds_mean_one_value(self) -> None:
        """The library reads `1-1` as the whole field."""
        assert fires("1-1 9 * * *", 2) == ["2026-11-23T09:01", "2026-11-24T09:01"]
        assert [note.code for note in read_expression("1-1 9 * * *").notes] == ["W06"]

    def test_a_start_at_the_end_of_the_field_means_one_value(self) -> None:
        reading = read_expression("0 59/15 * * *")
        assert reading.problems[0].code == "E02"
        notes = read_expression("59/15 9 * * *").notes
        assert [(note.code, note.start, note.end) for note in notes] == [("W06", 0, 5)]
        assert fires("59/15 9 * * *", 2) == ["2026-11-23T09:59", "2026-11-24T09:59"]

    def test_seven_is_sunday(self) -> None:
        assert fires("0 9 * * 5-7", 3) == fires("0 9 * * fri-sun", 3)
        assert fires("0 9 * * 0-7", 2) == fires("0 9 * * *", 2)

    @pytest.mark.parametrize("alias", ["@daily", "@DAILY", "@midnight", " @Daily "])
    def test_aliases(self, alias: str) -> None:
        assert fires(alias, 1) == ["2026-11-23T00:00"]

    @pytest.mark.parametrize(
        ("expr", "expected"),
        [
            ("* 9 * * *", True),
            ("*/5 9 * * *", True),
            ("0 */2 * * *", True),
            ("@hourly", True),
            ("0-59 0-23 * * *", False),
        ],
    )
    def test_wildcard_is_decided_by_the_text(self, expr: str, expected: bool) -> None:
        assert Cron(expr).wildcard is expected

    def test_blanks_around_and_tabs_between(self) -> None:
        assert fires("  0\t9 * *  1 ", 1) == ["2026-11-23T09:00"]


class TestDayFields:
    """The two day fields together, and days that depend on the month."""

    def test_both_restricted_is_or(self) -> None:
        assert fires("0 9 13 * FRI", 3) == ["2026-11-27T09:00", "2026-12-04T09:00", "2026-12-11T09:00"]

    def test_fields_and_is_and(self) -> None:
        assert fires("0 9 13 * FRI", 2, fields="and") == ["2027-08-13T09:00", "2028-10-13T09:00"]

    def test_a_stepped_star_is_a_restriction_but_a_step_of_one_is_none(self) -> None:
        assert fires("0 9 */2 * MON", 3) == ["2026-11-23T09:00", "2026-11-25T09:00", "2026-11-27T09:00"]
        assert fires("0 9 */1 * MON", 2) == ["2026-11-23T09:00", "2026-11-30T09:00"]

    def test_the_thirteenth_or_the_second_friday(self) -> None:
        """The library joins these by AND and never fires on the 13th."""
        assert fires("0 0 13 * FRI#2", 4) == [
            "2026-12-11T00:00",
            "2026-12-13T00:00",
            "2027-01-08T00:00",
            "2027-01-13T00:00",
        ]

    @pytest.mark.parametrize(
        ("expr", "expected"),
        [
            ("0 0 L * *", ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-31T00:00", "2027-02-28T00:00"]),
            ("0 0 1,L * *", ["2026-11-30T00:00", "2026-12-01T00:00", "2026-12-31T00:00", "2027-01-01T00:00"]),
            ("0 0 15W * *", ["2026-12-15T00:00", "2027-01-15T00:00", "2027-02-15T00:00", "2027-03-15T00:00"]),
            ("0 0 1W 5 *", ["2027-05-03T00:00", "2028-05-01T00:00", "2029-05-01T00:00", "2030-05-01T00:00"]),
            ("0 0 LW * *", ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-29T00:00", "2027-02-26T00:00"]),
            ("0 0 31W * *", ["2026-12-31T00:00", "2027-01-29T00:00", "2027-03-31T00:00", "2027-05-31T00:00"]),
            (
                "0 0 * * MON#5",
                ["2026-11-30T00:00", "2027-03-29T00:00", "2027-05-31T00:00", "2027-08-30T00:00"],
            ),
            (
                "0 0 * * friL",
                ["2026-11-27T00:00", "2026-12-25T00:00", "2027-01-29T00:00", "2027-02-26T00:00"],
            ),
            (
                "0 0 * * MON,FRI#1",
                ["2026-11-23T00:00", "2026-11-30T00:00", "2026-12-04T00:00", "2026-12-07T00:00"],
            ),
        ],
    )
    def test_days_that_depend_on_the_month(self, expr: str, expected: list[str]) -> None:
        assert fires(expr) == expected

    def test_a_leap_day_on_a_monday_is_found_over_a_century_without_leap(self) -> None:
        assert fires("0 0 29 2 MON", 2, fields="and") == ["2044-02-29T00:00", "2072-02-29T00:00"]
        assert Cron("0 0 29 2 MON", fields="and").next_after(datetime(2073, 1, 1, tzinfo=UTC)) == datetime(
            2112, 2, 29, tzinfo=UTC
        )

    def test_never_again_is_none(self) -> None:
        cron = Cron("0 0 29 2 *")
        assert cron.next_after(datetime(9996, 3, 1, tzinfo=UTC)) is None
        assert cron.before(datetime(3, 1, 1, tzinfo=UTC)) is None


class TestHash:
    """``H``, which hangs on the name."""

    def test_the_same_name_always_gives_the_same_minute(self) -> None:
        assert read_expression("H H * * *", "triage").fields[:2] == ("35", "16")

    def test_a_step_keeps_its_distance(self) -> None:
        minutes = [int(minute) for minute in read_expression("H/30 * * * *", "triage").fields[0].split(",")]
        assert len(minutes) == 2
        assert minutes[1] - minutes[0] == 30

    @given(st.text(max_size=12))
    @SOME
    def test_every_name_stays_in_the_range(self, name: str) -> None:
        reading = read_expression("H(10-29)/10 H(9-17) H H H", name)
        minutes, hour, day, month, weekday = ([int(v) for v in f.split(",")] for f in reading.fields)
        assert all(10 <= minute <= 29 for minute in minutes)
        assert len(minutes) == 2
        assert 9 <= hour[0] <= 17
        assert 1 <= day[0] <= 28  # a day that every month has
        assert 1 <= month[0] <= 12
        assert 0 <= weekday[0] <= 6

    def test_an_expression_without_h_does_not_hang_on_the_name(self) -> None:
        assert read_expression("0 9 * * thu", "one") == read_expression("0 9 * * thu", "other")


class TestRefusals:
    """Every code, and the place its caret points at."""

    @pytest.mark.parametrize(
        ("expr", "code", "under_caret"),
        [
            ("* * * *", "E01", "* * * *"),
            ("0 0 9 * * 1-5", "E01", "0 0 9 * * 1-5"),
            ("", "E01", ""),
            ("60 * * * *", "E02", "60"),
            ("0 25 * * 1-5", "E02", "25"),
            ("0 9 0 * *", "E02", "0"),
            ("0 9 * 1,13 *", "E02", "13"),
            ("0 9 * * 1-8", "E02", "8"),
            ("0 9 * * MON#6", "E02", "#6"),
            ("H(50-70) * * * *", "E02", "H(50-70)"),
            ("0 9 * * MOM", "E03", "MOM"),
            ("0 9 * JAN,FEV *", "E03", "FEV"),
            ("0 9 * MON *", "E03", "MON"),
            ("0 9 1,,2 * *", "E03", ","),
            ("50-10 * * * *", "E04", "50-10"),
            ("0 22-6 * * *", "E04", "22-6"),
            ("*/0 * * * *", "E05", "0"),
            ("*/90 * * * *", "E05", "90"),
            ("*/60 * * * *", "E05", "60"),
            ("0 */24 * * *", "E05", "24"),
            ("0 9 * * 7/2", "E05", "7/2"),
            ("0 9 30 2 *", "E06", "30"),
            ("0 9 31 4,6,9,11 *", "E06", "31"),
            ("0 9 31W 2 *", "E06", "31W"),
            ("@dayly", "E07", "@dayly"),
            ("@reboot", "E07", "@reboot"),
            ("R * * * *", "E03", "R"),
            ("5\u00a0* * * * *", "E03", "5\u00a0*"),
            ("５ * * * *", "E03", "５"),
        ],
    )
    def test_code_and_caret(self, expr: str, code: str, under_caret: str) -> None:
        assert problem(expr) == (code, under_caret)
        with pytest.raises(ConfigError) as caught:
            Cron(expr)
        assert caught.value.code == code
        assert caught.value.help

    def test_the_message_is_for_a_person(self) -> None:
        with pytest.raises(ConfigError) as caught:
            Cron("0 25 * * 1-5")
        assert caught.value.message == "hour 25 is out of range 0-23, in `0 25 * * 1-5`"
        assert caught.value.help == "for 1 am write `1`"

    def test_six_fields_get_a_hint(self) -> None:
        with pytest.raises(ConfigError) as caught:
            Cron("0 30 9 * * 1-5")
        assert "`30 9 * * 1-5`" in caught.value.help

    def test_all_problems_in_one_pass(self) -> None:
        codes = [p.code for p in read_expression("61,62 25 1-40 MOM 7/2").problems]
        assert codes == ["E02", "E02", "E02", "E02", "E03", "E05"]

    def test_an_impossible_date_is_possible_when_a_weekday_is_enough(self) -> None:
        assert fires("0 0 31 2 MON", 1) == ["2027-02-01T00:00"]
        with pytest.raises(ConfigError) as caught:
            Cron("0 0 31 2 MON", fields="and")
        assert caught.value.code == "E06"

    def test_a_long_expression_is_refused_at_once(self) -> None:
        assert read_expression("1," * MAX_LENGTH + "1 * * * *").problems[0].code == "E01"

    def test_a_zone_that_does_not_exist(self) -> None:
        with pytest.raises(ConfigError) as caught:
            Cron("0 9 * * *", tz="Europe/Berln")
        assert (caught.value.code, caught.value.help) == ("E11", "did you mean Europe/Berlin?")

    @pytest.mark.parametrize("wrong", [{"dst": "twice"}, {"fields": "xor"}])
    def test_options_that_do_not_exist(self, wrong: dict[str, str]) -> None:
        with pytest.raises(ConfigError):
            Cron("0 9 * * *", **wrong)  # type: ignore[arg-type]

    def test_a_naive_instant(self) -> None:
        with pytest.raises(ConfigError, match="no time zone"):
            Cron("0 9 * * *").next_after(datetime(2026, 11, 22))  # noqa: DTZ001

    @given(st.text(alphabet="0123456789*/-,?LWH#()abcmonfri@ \t", max_size=40))
    @SOME
    def test_no_text_gives_anything_but_a_cron_or_a_config_error(self, text: str) -> None:
        try:
            cron = Cron(text)
        except ConfigError as error:
            assert error.code  # noqa: PT017
        else:
            cron.next_after(NOW)
            cron.before(NOW)


def test_it_is_a_value() -> None:
    assert Cron("0 9 * * *", "UTC") == Cron("0 9 * * *")
    assert len({Cron("0 9 * * *"), Cron("0 9 * * *"), Cron("0 9 * * *", "Europe/Berlin")}) == 2
    with pytest.raises(AttributeError):
        Cron("0 9 * * *").expr = "0 10 * * *"  # type: ignore[misc]


def test_croniter_is_imported_at_the_first_search_only() -> None:
    """Importing it costs 117 ms, and most commands only list."""
    code = (
        "import sys\nfrom datetime import UTC, datetime\nfrom scheduler import Cron\n"
        "cron = Cron('0 9 * * *')\nassert 'croniter' not in sys.modules\n"
        "cron.next_after(datetime(2026, 1, 1, tzinfo=UTC))\nassert 'croniter' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- the search against croniter's, on the plain calendar ------------------------------------------


def a_field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    span = (
        st.tuples(value, value)
        .filter(lambda pair: pair[0] < pair[1])
        .map(lambda pair: f"{pair[0]}-{pair[1]}")
    )
    step = st.integers(1, max(2, (high - low) // 2))
    element = st.one_of(
        value.map(str),
        span,
        st.tuples(span, step).map(lambda p: f"{p[0]}/{p[1]}"),
        step.map(lambda n: f"*/{n}"),
    )
    return st.one_of(st.just("*"), st.lists(element, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(a_field(0, 59), a_field(0, 23), a_field(1, 31), a_field(1, 12), a_field(0, 6)).map(
    " ".join
)
WALLS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001


def _read(expr: str) -> Reading | None:
    """None where both would be asked for a date that never comes, or where a day field means two things.

    croniter takes a written-out full week or month for a star and wants both day fields; cron(8) does not.
    """
    reading = read_expression(expr)
    days = (expr.split()[DAY], expr.split()[WEEKDAY])
    if reading.problems or any("*/1" in days_of.split(",") for days_of in days):
        return None
    full = [
        len(set(expand(index, reading.fields[index]))) == size for index, size in ((DAY, 31), (WEEKDAY, 7))
    ]
    return (
        None
        if any(is_full and days_of != "*" for is_full, days_of in zip(full, days, strict=True))
        else reading
    )


@given(EXPRESSIONS, WALLS)
@SOME
def test_the_search_agrees_with_croniter_both_ways(expr: str, wall: datetime) -> None:
    reading = _read(expr)
    if reading is None:
        return
    slots = CronSlots.of(reading)
    moment = timedelta(microseconds=1)
    assert slots.first_from(wall + moment) == croniter(expr, wall).get_next(datetime)
    assert slots.last_until(wall - moment) == croniter(expr, wall).get_prev(datetime)


@given(EXPRESSIONS, WALLS)
@SOME
def test_the_search_backwards_is_the_inverse(expr: str, wall: datetime) -> None:
    reading = _read(expr)
    if reading is None:
        return
    slots = CronSlots.of(reading)
    last = slots.last_until(wall)
    assert last is not None
    assert last <= wall
    assert slots.first_from(last) == last
    following = slots.first_from(last + timedelta(microseconds=1))
    assert following is None or following > wall
