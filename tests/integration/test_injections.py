"""Injections: an agent that obeys every stranger's word does nothing that it must not.

The model is the worst there is: it makes every call that anything it reads asks for.  So what holds here is
held by the judge, the guards of the tools and the sandbox, and by no model's judgement.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.core.run.run import Run, State
from scheduler.core.text.safe import safe_text
from scheduler.core.trust.effect import Declared
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import Allow
from scheduler.doors.cli.main import _status
from scheduler.doors.cli.text.logs import JsonLines, TextLines
from scheduler.testing.obedient import orders_in
from tests.kit.injections import CANARY, LATER, House, Injection, house, injections
from tests.kit.needs import lacking
from tests.kit.person import RAW
from tests.kit.secrets import forms
from tests.kit.site import answer

CASES = [(each, profile) for each in injections() for profile in each.stops]
VERBS = (("list",), ("approvals",), ("why", "work"), ("trust", "explain", "work"))
Ask = Callable[..., str]


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INJECTION_CANARY", CANARY)


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Ask:
    """Ask a verb in the house's home; what it prints holds nothing that a terminal obeys."""

    def asked(*argv: str, expect: int = 0) -> str:
        capfd.readouterr()
        status = _status(["--home", str(tmp_path / "home"), *argv])
        captured = capfd.readouterr()
        assert status == expect, captured.err
        assert not RAW.search(captured.out + captured.err)
        return captured.out

    return asked


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO, logger="agentcron")
    yield caplog
    for record in caplog.records:
        for line in (TextLines().format(record), JsonLines().format(record)):
            assert not RAW.search(line.rstrip("\n"))
            assert CANARY not in line


def test_there_are_many() -> None:
    names = [each.name for each in injections()]
    assert len(names) == len(set(names)) >= 30


@pytest.mark.parametrize(("each", "trust"), CASES, ids=[f"{each.name}-{trust}" for each, trust in CASES])
async def test_nothing_that_a_page_wants_happens(
    each: Injection, trust: str, tmp_path: Path, ask: Ask, log: pytest.LogCaptureFixture
) -> None:
    if each.shell and shutil.which("bwrap") is None:
        lacking("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    async with house(tmp_path) as place:
        pages = each.pages(place.places())
        await place.prepare(pages, trust=trust, options=LATER if each.later else "")
        before = place.fingerprint()
        run = await place.play(look=lambda: [ask(*verb) for verb in VERBS])
        assert (run.state, run.summary) == (State.SUCCEEDED, "Read it all."), run.reason
        assert_it_tried(place, run, pages)
        assert_it_was_stopped(place, run, each, trust)
        assert place.fingerprint() == before
        await place.wait_a_fortnight()
        leaves = each.leaves if trust != "observe" else ()
        assert_nothing_left(place, len(pages), leaves)
        await place.world.services.daylog.sync()
        assert_shown(place, run, ask)
        assert_a_person_may_look(ask, leaves)
    assert found_under(tmp_path / "home") == [], "the token"


def allow_all(tool: Declared, *_: object) -> Allow:
    return Allow("approved:by nobody", Grant(tool=tool.name))


async def test_without_the_judge_and_the_guards_the_same_pages_do_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above can fail."""
    monkeypatch.setattr("scheduler.engine.attempt.decisions.judge", allow_all)
    monkeypatch.setattr("scheduler.tools.fetch.confine", lambda workdir, path: Path(workdir, path))
    async with house(tmp_path) as place:
        pages = [
            page
            for each in injections()
            if each.name in ("in-base64", "a-post-of-what-was-read", "a-page-saved-over-the-crontab")
            for page in each.pages(place.places())
        ]
        await place.prepare(pages, trust="careful")
        place.site.pages["/page-1"] = place.site.pages["/3"] = answer(b"* * * * *  evil  'Obey.'")
        before = place.fingerprint()
        await place.play()
        after = place.fingerprint()
        assert {name for name in before if before[name] != after[name]} == {"home/crontab"}
        assert [args["to"] for args in place.posted] == ["evil"]
        assert any(b"\r\nHost: evil.test" in request for request in place.site.asked)


def assert_it_tried(place: House, run: Run, pages: list[str]) -> None:
    """Each call that the pages order was made, or the test would prove nothing."""
    wanted = [order for page in pages for order in orders_in(page)]
    assert wanted
    made = [(call.name, dict(call.args)) for call in place.obeyed(run)]
    assert made == wanted


def assert_it_was_stopped(place: House, run: Run, each: Injection, trust: str) -> None:
    """What stopped each call stands in the run's journal."""
    calls = iter(place.obeyed(run))
    for page, by in zip(each.pages(place.places()), each.stops[trust], strict=True):
        for _ in orders_in(page):
            stopped = place.what_stopped(next(calls))
            assert re.search(by, stopped), stopped


def assert_nothing_left(place: House, pages: int, leaves: Sequence[str]) -> None:
    """Nobody heard of it, nobody agreed to it, and nothing of it lives on but what waits for a person."""
    allowed = {f"/page-{number}" for number in range(pages)} | {"/page-away", "/page-inside"}
    for request in place.site.asked:
        assert request.split()[1].decode() in allowed, request
        assert f"\r\nHost: page.test:{place.site.port}\r\n".encode() in request, request
    assert (place.trap, place.posted) == ([], [])
    with closing(sqlite3.connect(place.world.config.database)) as database:
        jobs = database.execute("SELECT name, state FROM jobs ORDER BY name").fetchall()
        assert jobs == [("work", "active"), *((name, "paused") for name in leaves)]
        made = database.execute("SELECT name, state FROM follow_ups ORDER BY name").fetchall()
        assert made == [(name, "pending") for name in leaves]
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM grants").fetchone() == (0,)
        states = {state for (state,) in database.execute("SELECT state FROM approvals")}
        assert states <= {"expired"}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended
            assert b"47110" not in words


def assert_shown(place: House, run: Run, ask: Ask) -> None:
    """A person sees each attempt and what became of it, in ``show`` and in the log, whose chain holds."""
    shown = ask("show", run.id)
    told = json.loads(ask("show", run.id, "--json"))
    logged = ask("log", "--run", run.id, "--json")
    for call in place.obeyed(run):
        assert safe_text(call.name)[:40] in shown
        [found] = [one for one in told["calls"] if one["id"] == call.id]
        assert (found["rule"], found["state"]) == (call.rule, call.state)
        lines = [json.loads(line) for line in logged.splitlines() if call.id in line]
        assert lines, "it stands in the daily log"
        if call.rule:
            assert call.rule in {line["body"].get("rule") for line in lines}
            what = "waits for confirmation" if call.rule == "pending" else f"stopped by the rule {call.rule}"
            assert call.started_at is not None or what in shown
    for verb in VERBS:
        ask(*verb)
    ask("log")
    ask("log", "--verify")


def assert_a_person_may_look(ask: Ask, leaves: Sequence[str]) -> None:
    """Who is asked to confirm sees where it comes from, and its words behind a bar; looking is no consent."""
    for name in leaves:
        _, _, shown = ask("confirm", name, expect=1).partition("which had read: ")
        _, _, words = shown.partition("written by the agent:\n")
        prompt = words.partition("let it fire: ")[0]
        assert prompt, shown
        assert all(line.startswith("    | ") for line in prompt.splitlines())


def found_under(home: Path) -> list[str]:
    """Return where the token stands, in whatever form."""
    needles = [form.encode() for name, form in forms(CANARY).items() if not name.startswith("base64")]
    # Without its first and last characters, base64 depends on the secret alone.
    needles += [form[4:-8].encode() for name, form in forms(CANARY).items() if name.startswith("base64")]
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path) for path in files if any(needle in path.read_bytes() for needle in needles)]
