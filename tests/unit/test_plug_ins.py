"""Plug-ins of the crontab: a schedule, an option and a source that no file of agentcron knows of."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scheduler.adapters.sql.rows.work import job_from, job_text
from scheduler.core.crontab.load import Table, all_problems, parse
from scheduler.core.time.trigger import Event
from scheduler.host.vocabulary import vocabulary
from tests.kit.plug_ins import Distributions, MoonPlugIn
from tests.unit.crontab.conftest import FakeLook

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

TEXT = """\
COLOUR = green
@fullmoon  watch  "Look up."  before=2h
@fullmoon  paint  @jobs/paint.md
0 9 * * *  plain  "Hi"  colour=red+blue
@event house:door  greet  "Say hello."  room=hall state=open*
@event file:inbox/*.md  sort  "Sort it."
"""
PROMPTS = {"jobs/paint.md": "---\ncolour: blue\n---\nPaint."}


def read(text: str) -> Table:
    look = FakeLook(PROMPTS)
    return parse(text, file="crontab", look=look, now=NOW, vocabulary=vocabulary())


def problems(text: str) -> list[str]:
    return [f"{p.code} {p.col}: {p.message} [{p.help}]" for p in all_problems(read(text), NOW)]


@pytest.mark.usefixtures("moon")
def test_a_crontab_that_uses_them() -> None:
    table = read(TEXT)
    assert all_problems(table, NOW) == ()
    watch, paint, plain, greet, sort = table.jobs
    assert [dict(job.extra) for job in table.jobs[:3]] == [
        {"colour": ["green"]},
        {"colour": ["blue"]},
        {"colour": ["red", "blue"]},
    ], "the line goes before the prompt file, and that before the default"
    assert watch.trigger.explain() == "2h before each full moon"
    assert paint.trigger.next_after(NOW) == datetime(2026, 11, 24, 8, 24, 36, tzinfo=UTC)
    assert "colour" in table.places[2].given
    assert greet.trigger == Event("house:door", "", (("room", "hall"), ("state", "open*")))
    assert greet.trigger.explain() == "when an event house:door arrives with room=hall, state=open*"
    assert sort.trigger == Event("file", "inbox/*.md")
    assert (sort.trigger.next_after(NOW), sort.trigger.fires_per_day(NOW)) == (None, 0.0)
    assert plain.trigger.describe() == "0 9 * * *"


@pytest.mark.usefixtures("moon")
def test_what_they_give_is_stored_and_read_again() -> None:
    for job in read(TEXT).jobs:
        again = job_from(job_text(job))
        assert again == job
        assert not again.unknown


def test_a_crontab_without_plug_ins_imports_none_and_asks_for_none(
    moon: MoonPlugIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(**_: str) -> None:
        raise AssertionError("nothing in it is unknown")

    monkeypatch.setattr("importlib.metadata.entry_points", asked)
    (job,) = read('MODEL = claude-x\n@every 1h  plain  "Hi"  jitter=5m').jobs
    assert job_from(job_text(job)) == job
    assert not moon.imported


def test_a_name_that_is_not_used_is_not_imported(moon: MoonPlugIn) -> None:
    assert problems('@fulmoon  x  "Hi"') == ["E07 1: there is no schedule @fulmoon [did you mean @fullmoon?]"]
    assert problems('@daily  x  "Hi"  color=red') == ['E10 18: no option "color" [did you mean colour?]']
    assert problems("COLOR = red") == ['E10 1: no default "COLOR" [did you mean COLOUR?]']
    assert not moon.imported


@pytest.mark.usefixtures("moon")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('@daily x "Hi" colour=pink', 'E11 22: colour: "pink" is no colour'),
        ("COLOUR = pink", 'E11 10: COLOUR: "pink" is no colour'),
        ('@daily x "Hi" COLOUR=red', 'E10 15: no option "COLOUR" [on a job\'s line it is written colour=]'),
        ("colour = red", 'E10 1: no default "colour" [did you mean COLOUR?]'),
        ('@fullmoon x "Hi" before=ten', "E11 25: before: "),
        ('@daily x "Hi" before=2h', 'E10 15: no option "before"'),
        ('@event house:door x "Hi" rom=hall', 'E10 26: no option "rom" [did you mean room?]'),
        (
            '@event house:dor x "Hi"',
            'E11 8: @event: no source declares events of the kind "house:dor" [did you mean house:door?]',
        ),
        ('@event zzz x "Hi"', "[there are house:door, file:PATTERN]"),
        ('@event file x "Hi"', "E11 8: @event: file needs a subject [write @event file:PATTERN]"),
        ('@daily x "Hi" colour=black', "W16 22: black cannot be seen at night [take another colour]"),
        ('@fullmoon x "Hi" before=20d', "W16 1: that is nearer to the moon before [write less]"),
        ("COLOUR = red", "W07 1: no job uses this COLOUR"),
    ],
)
def test_their_problems_stand_at_their_place(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert problem in found


BROKEN = """
class Late(FullMoon):
    kind = "late"
    word = "@late"

    def next_after(self, instant):
        return instant

class Rude(FullMoon):
    kind = "rude"
    word = "@rude"

    @classmethod
    def own_options(cls, words, events):
        return {}

    @classmethod
    def read(cls, schedule):
        raise KeyError("moon")

SET = Option("set", lambda text: {text}, "not JSON")
FAILS = Option("fails", lambda text: 1 / 0, "fails")

class Silent:
    def declares(self):
        raise OSError("no answer")

    async def watch(self, context):
        raise AssertionError("it is not started here")

class Posing(Silent):
    def declares(self):
        return (EventKind("approval"),)

SILENT, POSING = Silent(), Posing()
"""

ENTRY_POINTS = """
[agentcron.triggers]
late = moon_crontab:Late
rude = moon_crontab:Rude
misnamed = moon_crontab:FullMoon
gone = moon_crontab:Gone
colour = moon_crontab:COLOUR
every = moon_crontab:FullMoon
[agentcron.options]
set = moon_crontab:SET
fails = moon_crontab:FAILS
class = moon_crontab:FullMoon
model = moon_crontab:COLOUR
[agentcron.sources]
silent = moon_crontab:SILENT
posing = moon_crontab:POSING
half = moon_crontab:COLOUR
"""


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('@late x "Hi"', "E07 1: @late: its plug-in failed: ValueError: its next fire is not later than now"),
        ('@rude x "Hi"', "E07 1: @rude: its plug-in failed: KeyError: 'moon'"),
        ('@misnamed x "Hi"', 'the schedule misnamed (moon_crontab:FullMoon) must have the kind "misnamed"'),
        ('@gone x "Hi"', "E07 1: the schedule gone (moon_crontab:Gone) cannot be loaded: AttributeError"),
        ('@colour x "Hi"', "is not a class that extends scheduler.core.time.triggers.base.Trigger"),
        ('@daily x "Hi" set=a', "E11 19: set: the plug-in of set= failed: TypeError"),
        ('@daily x "Hi" fails=a', "E11 21: fails: the plug-in of fails= failed: ZeroDivisionError"),
        ('@daily x "Hi" class=a', "E10 15: the option class (moon_crontab:FullMoon) is not an Option"),
        ("CLASS = a", "E10 1: the option class (moon_crontab:FullMoon) is not an Option"),
        ('@event zzz x "Hi"', "the source silent failed: OSError: no answer"),
        ('@event approval x "Hi"', "the source posing declares approval, which is a kind of agentcron's own"),
        ('@event zzz x "Hi"', "the source half (moon_crontab:COLOUR) is not a source but Option("),
    ],
)
def test_a_plug_in_that_fails_costs_its_own_jobs_only(moon: MoonPlugIn, line: str, problem: str) -> None:
    moon.write(ENTRY_POINTS, BROKEN)
    text = f'{line}\n@every 1d  good  "Hi"  model=claude-x'
    (found,) = problems(text)
    assert problem in found
    (good,) = read(text).jobs
    assert (good.name, good.model, good.trigger.describe()) == ("good", "claude-x", "@every 1d")


def test_a_name_that_two_provide_is_refused(moon: MoonPlugIn, distributions: Distributions) -> None:
    distributions.provide("agentcron.triggers", "fullmoon", "moon_crontab:FullMoon", "other-moon")
    (found,) = problems('@fullmoon  x  "Hi"')
    assert "E07 1: the schedule fullmoon is provided twice, by " in found
    assert "moon-crontab" in found
    assert "other-moon" in found
    assert not moon.imported


def test_a_stored_job_outlives_its_plug_in(moon: MoonPlugIn) -> None:
    (job,) = read('@fullmoon  x  "Hi"  colour=red').jobs
    spec = job_text(job)
    moon.uninstall()
    lost = job_from(spec)
    assert dict(lost.unknown) == {
        "trigger": '{"kind": "fullmoon", "before": 0}',
        "extra.colour": '["red"]',
    }
    assert (lost.trigger.next_after(NOW), lost.trigger.describe(), dict(lost.extra)) == (
        None,
        "@fullmoon",
        {},
    )
    assert json.loads(job_text(lost)) == json.loads(spec), "and is kept as it was"
    assert problems('@fullmoon  x  "Hi"  colour=red')[0].startswith("E07 1: there is no schedule @fullmoon")
    moon.install()
    assert job_from(spec) == job, "it is looked for again"
