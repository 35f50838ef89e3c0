"""The verb ``explain``."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Call


def test_words_next_fires_and_the_days_when_clocks_change(call: Call) -> None:
    answer = call("explain", "30 2 * * SUN", "--tz", "Europe/Berlin", "-n", "2").fits()
    assert answer.status == 0
    assert answer.out.splitlines() == [
        "30 2 * * SUN: at 02:30 on Sunday (Europe/Berlin)",
        "  next  Sun 22 Nov 02:30 CET  in 1d 18h",
        "  then  Sun 29 Nov 02:30 CET  in 8d 18h",
        "note: on 2027-03-28 clocks in Europe/Berlin move forward past 02:30; the job",
        "      runs once at 03:00",
        "note: on 2027-10-31 clocks in Europe/Berlin move back and 02:30 comes twice; the",
        "      job runs in the first pass only",
    ]


def test_json(call: Call) -> None:
    answer = call(
        "explain", "*/20 9 * * 1-5", "--tz", "UTC", "--after", "2026-11-27T09:10Z", "-n", "3", "--json"
    )
    values = json.loads(answer.out)
    assert set(values) == {"expression", "zone", "meaning", "next", "notes"}
    assert values["expression"] == "*/20 9 * * 1-5"
    assert values["zone"] == "UTC"
    assert values["next"] == ["2026-11-27T09:20:00Z", "2026-11-27T09:40:00Z", "2026-11-30T09:00:00Z"]


def test_the_zone_is_this_machines_unless_said(call: Call) -> None:
    assert json.loads(call("explain", "0 9 * * *", "--json").out)["zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    "expression, said",
    [
        ("@every 45m", "every 45 minutes"),
        ("@at 2026-12-01T09:00", "once"),
        ("@reboot", "boot"),
        ("@manual", "on request"),
    ],
)
def test_schedules_that_are_no_cron_expressions(call: Call, expression: str, said: str) -> None:
    answer = call("explain", expression).fits()
    assert answer.status == 0
    assert said in answer.out


@pytest.mark.parametrize(
    "expression", ["61 * * * *", "0 0 31 2 *", "@dialy", "x", "", "0 9 * * * *", "@every 0s", "@at soon"]
)
def test_what_cannot_be_is_refused_and_prints_nothing(call: Call, expression: str) -> None:
    answer = call("explain", expression)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("error: ")


def test_a_wrong_zone_has_a_suggestion(call: Call) -> None:
    answer = call("explain", "0 9 * * *", "--tz", "Europe/Berln")
    assert (answer.status, answer.out) == (1, "")
    assert "did you mean Europe/Berlin?" in answer.err


def test_a_date_alone_is_the_beginning_of_that_day(call: Call) -> None:
    given = ("explain", "0 * * * *", "--tz", "UTC", "-n", "1", "--json", "--after")
    assert json.loads(call(*given, "2027-03-26").out) == json.loads(call(*given, "2027-03-26T00:00Z").out)
