"""Staged tools of a plug-in: judged like any effect, and written in the commit of their result.

Change, table, writer and view are the plug-in's own; no file of ``scheduler/`` knows of them.
"""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.sqlite.opening import open_engine
from scheduler.adapters.sql.sqlite.upgrade import prepare, prepare_rooms
from scheduler.core.actor import PERSON
from scheduler.core.run.run import Run, State
from scheduler.core.run.step import Change
from scheduler.errors import ConfigError
from scheduler.ports.room import Room
from scheduler.ports.tool import Staged
from scheduler.testing.world import World, open_world
from tests.kit.models import Answer, FakeModel, call, finish
from tests.kit.person import ask
from tests.kit.plug_ins import forget
from tests.kit.processes import PLUGIN, Installation
from tests.plugin.memo_tools import FIRST, REMEMBER, ROOM, SECOND, Memo, memos

CANARY = "canary-4711-and-more"


@pytest.fixture(autouse=True)
def _plug_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PLUGIN))
    forget()
    yield
    forget()


def remember(*texts: str, tool: str = "remember") -> Answer:
    return call(*((tool, {"text": text}) for text in texts))


async def load(world: World, *lines: Answer, options: str = "", tools: str = "remember") -> None:
    assert isinstance(world.model.inner, FakeModel)
    world.model.inner.lines[:] = lines
    await world.load(
        "SECRET.TOKEN = env:CANARY_VARIABLE\n"
        f'@manual  job  "Do your job."  tools={tools} {options}\n@manual  other  "Do yours."  tools={tools}\n'
    )


def results(world: World, run: Run) -> list[str]:
    with world.reader() as reader:
        return [str(each.result) for each in reader.calls(run.id) if each.name != "finish"]


# -- what it writes -----------------------------------------------------------------------------------
async def test_calls_see_what_earlier_calls_have_written(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("one", "one", "two"), remember("two", "three"), remember("four"), finish())
        run = await world.play("job")
        assert results(world, run) == [
            *("Kept as number 1.", "I know that already.", "Kept as number 2."),
            *("I know that already.", "Kept as number 3."),
            "remember: there are 3 memos, the most there may be (do without)",
        ]
        assert memos(world.config.database, "job") == ["one", "two", "three"]
        await load(world, remember("one", "five"), finish())
        assert results(world, await world.play("other")) == ["Kept as number 1.", "Kept as number 2."]
        await load(world, remember("three"), finish())
        assert results(world, await world.play("job")) == ["I know that already."], "by a run before"


async def test_a_run_that_others_overtake_stages_again_with_what_is_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("mine"), finish())
        with closing(sqlite3.connect(world.config.database)) as database:

            def overtake() -> None:
                database.executemany(
                    "INSERT INTO memos (job, run_id, call_id, text) VALUES ('job', 'other', ?, ?)",
                    [(text, text) for text in ("a", "b", "c")],
                )
                database.commit()

            part = world.store.part

            async def read(*asked: Any) -> Any:
                found = await part(*asked)
                if not memos(world.config.database, "job"):
                    overtake()
                return found

            monkeypatch.setattr(world.store, "part", read)
            run = await world.play("job")
        assert "the most there may be" in results(world, run)[0]
        assert memos(world.config.database, "job") == ["a", "b", "c"]


async def test_a_secret_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_VARIABLE", CANARY)
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember(f"the key is {CANARY}"), finish())
        await world.play("job")
        assert memos(world.config.database, "job") == ["the key is [secret TOKEN]"]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file


# -- what the judge says ------------------------------------------------------------------------------
async def test_a_job_that_may_only_observe_remembers_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("one"), finish(), options="trust=observe")
        run = await world.play("job")
        assert results(world, run)[0].startswith("Refused: remember is not a pure tool")
        assert memos(world.config.database, "job") == []


@pytest.mark.parametrize("approve", [True, False])
async def test_one_that_acts_outside_waits_for_a_person(tmp_path: Path, approve: bool) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        lines = (remember("one", tool="share_memo"), finish())
        await load(world, *lines, tools="share_memo", options="trust=propose")
        run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "approval")
        assert memos(world.config.database, "job") == []
        with world.history() as history:
            [question] = history.open_approvals()
        await world.store.answer(question.id, world.clock.now(), approve=approve, actor=PERSON)
        await world.settle()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        assert memos(world.config.database, "job") == (["one"] if approve else [])


# -- tools that are wrong -----------------------------------------------------------------------------
class Plain:
    """A change that is no dataclass."""

    kind = "memo"
    text = "one"
    call_id = "call"

    def fold(self, part: tuple[str, ...]) -> tuple[str, ...]:
        return part


@dataclass(frozen=True)
class Brittle(Memo):
    """A change that cannot be folded."""

    def fold(self, part: tuple[str, ...]) -> tuple[str, ...]:
        return (part[99],)


@dataclass(frozen=True)
class Strange(Memo):
    """A change of a kind that its tool does not declare."""

    kind = "strange"


@pytest.mark.parametrize(
    ("staged", "complaint"),
    [
        (Staged("ok", (cast(Change, Plain()),)), "a change must be a dataclass"),
        (Staged("ok", (Brittle("call", "one"),)), "remember broke: IndexError"),
        (Staged("ok", (Strange("call", "one"),)), "did not declare that it changes strange"),
        (Staged(cast(str, 7)), "remember broke: TypeError"),
        (cast(Staged, None), "remember broke: AttributeError"),
    ],
)
async def test_a_tool_that_breaks_is_answered_and_nothing_of_it_is_written(
    tmp_path: Path, staged: Staged, complaint: str
) -> None:
    broken = replace(REMEMBER, stage=lambda *_: staged)
    async with open_world(tmp_path, model=FakeModel(), tools={"remember": broken}) as world:
        await load(world, remember("one"), finish())
        run = await world.play("job")
        assert run.state is State.SUCCEEDED
        assert complaint in results(world, run)[0]
        assert memos(world.config.database, "job") == []


async def test_a_change_that_is_refused_each_time_does_not_spin(tmp_path: Path) -> None:
    four = tuple(Memo(name, "one") for name in ("a", "b", "c", "d"))
    stubborn = replace(REMEMBER, stage=lambda *_: Staged("ok", four))
    async with open_world(tmp_path, model=FakeModel(), tools={"remember": stubborn}) as world:
        await load(world, remember("one"), finish())
        run = await world.play("job")
        assert run.state is State.FAILED
        assert "was never as it had been read" in run.reason
        assert memos(world.config.database, "job") == []


# -- its tables ---------------------------------------------------------------------------------------
def test_tables_of_the_first_version_are_brought_to_the_second_with_their_rows(tmp_path: Path) -> None:
    path = str(tmp_path / "agentcron.db")
    engine = open_engine(path)
    prepare(engine, path)
    prepare_rooms(engine, path, Rooms({"memo": Room(schema=(FIRST,))}))
    with closing(sqlite3.connect(path)) as database:
        database.execute("INSERT INTO memos VALUES ('job', 'run', 'call', 'old')")
        database.commit()
    for _ in range(2):
        prepare_rooms(engine, path, Rooms({"memo": Room(schema=(FIRST, SECOND))}))
    assert memos(path, "job") == ["old"]
    with pytest.raises(ConfigError, match="a newer version of the change memo"):
        prepare_rooms(engine, path, Rooms({"memo": Room(schema=(FIRST,))}))


def test_a_version_that_cannot_be_made_leaves_the_one_before_and_names_the_change(tmp_path: Path) -> None:
    path = str(tmp_path / "agentcron.db")
    engine = open_engine(path)
    prepare(engine, path)
    prepare_rooms(engine, path, Rooms({"memo": Room(schema=(FIRST,))}))
    broken = Room(schema=(FIRST, ("ALTER TABLE memos ADD COLUMN at INTEGER", "ALTER TABLE nothing RENAME")))
    with pytest.raises(ConfigError, match="the tables of the change memo cannot be made version 2"):
        prepare_rooms(engine, path, Rooms({"memo": broken}))
    prepare_rooms(engine, path, Rooms({"memo": ROOM}))
    assert memos(path, "job") == []


async def test_rows_of_a_run_are_deleted_with_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("one"), finish(), remember("two"), finish())
        await world.play("job")
        world.clock.advance(10 * 86_400)
        await world.play("job")
        assert memos(world.config.database, "job") == ["one", "two"]
        due = await world.store.prunable(world.clock.now(), 86_400)
        assert await world.store.prune(world.clock.now(), 86_400) == due
        assert due.runs == 1
        assert memos(world.config.database, "job") == ["two"]


@pytest.mark.parametrize("table", [{"memo": "run_id"}, {"memos": "run"}])
def test_rows_of_runs_that_are_nowhere_are_found_before_the_first_run(
    tmp_path: Path, table: dict[str, str]
) -> None:
    path = str(tmp_path / "agentcron.db")
    engine = open_engine(path)
    prepare(engine, path)
    with pytest.raises(ConfigError, match="the change memo has no table memo"):
        prepare_rooms(engine, path, Rooms({"memo": Room(schema=(FIRST,), rows_of_runs=table)}))


def rename(world: World, old: str, new: str) -> None:
    with closing(sqlite3.connect(world.config.database)) as database, database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")


async def test_what_cannot_be_read_parks_the_run_that_needs_it_and_no_other(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("one"))
        rename(world, "memos", "gone")
        run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "tool")
        assert run.reason == (
            "what the change memo keeps cannot be read: OperationalError: no such table: memos;"
            " install or repair what provides it, or cancel the run"
        )
        await load(world, finish())
        assert (await world.play("other")).state is State.SUCCEEDED, "it has the tool, and does not call it"

        rename(world, "gone", "memos")
        await load(world, finish())
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        assert memos(world.config.database, "job") == ["one"]


async def test_texts_that_a_database_cannot_hold_are_cleaned_for_a_plug_in(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel()) as world:
        await load(world, remember("a\0b\ud800"), finish())
        assert (await world.play("job")).state is State.SUCCEEDED
        assert memos(world.config.database, "job") == ["a?b?"]


def test_two_rooms_cannot_look_at_one_guard() -> None:
    rooms = {name: Room(guards={"full": lambda *_: None}) for name in ("memo", "other")}
    with pytest.raises(ConfigError, match="the guard full is provided twice, by memo and other"):
        Rooms(rooms)


# -- through real processes ---------------------------------------------------------------------------
SCRIPT = """\
{"text": "", "calls": [{"name": "remember", "input": {"text": "one"}}]}
{"text": "Done."}
"""


def write(place: Installation, tool: str = "remember") -> None:
    place.crontab(f'@manual  job  "Remember."  model=rehearsal:job.jsonl tools={tool}\n')
    (place.home / "job.jsonl").write_text(SCRIPT)


def rows(place: Installation) -> list[tuple[str, str]]:
    """Return each memo with the state of the call that it came of."""
    with closing(sqlite3.connect(place.database)) as database:
        return database.execute(
            "SELECT c.state, m.text FROM calls c"
            " LEFT JOIN memos m ON m.run_id = c.run_id AND m.call_id = c.id"
        ).fetchall()


@pytest.mark.process
@pytest.mark.parametrize(
    ("point", "left"), [("staged.inside", ("planned", None)), ("staged", ("done", "one"))]
)
def test_a_kill_leaves_the_row_and_the_result_or_neither(
    place: Installation, point: str, left: tuple[str, str | None]
) -> None:
    write(place)
    assert place.start("run", "job", "--wait", crash=point).wait() == -signal.SIGKILL
    assert rows(place) == [left]
    place.do("tick")
    assert [run.state for run in place.runs()] == [State.SUCCEEDED]
    assert rows(place) == [("done", "one")]
    ask(place, "log", "--verify").is_fine()


@pytest.mark.process
def test_tables_that_were_half_made_when_the_process_died_are_made_again(place: Installation) -> None:
    write(place)
    assert place.start("run", "job", "--wait", crash="schema:2").wait() == -signal.SIGKILL
    assert json.loads(ask(place, "run", "job", "--wait", "--json").out)["state"] == "succeeded"
    assert rows(place) == [("done", "one")]
    ask(place, "doctor", "--deep").is_clean()


@pytest.mark.process
@pytest.mark.parametrize(("point", "left"), [("prune.inside", ["one", "two"]), ("prune", ["two"])])
def test_a_kill_while_pruning_leaves_a_run_and_its_rows_or_neither(
    place: Installation, point: str, left: list[str]
) -> None:
    for text in ("one", "two"):
        write(place)
        (place.home / "job.jsonl").write_text(SCRIPT.replace("one", text))
        place.do("run", "job", "--wait")
    with closing(sqlite3.connect(place.database)) as database, database:
        # The last run of a job is always kept.
        database.execute(
            "UPDATE runs SET fire_time = 1, ended_at = 1"
            " WHERE id = (SELECT run_id FROM memos WHERE text = 'one')"
        )
    prune = ("prune", "--older-than", "30d")
    assert place.start(*prune, crash=point).wait() == -signal.SIGKILL
    assert (sorted(text for _, text in rows(place)), memos(place.database, "job")) == (left, left)
    place.do(*prune)
    assert memos(place.database, "job") == ["two"]


@pytest.mark.process
def test_a_tool_whose_change_is_not_installed_is_refused_by_check(place: Installation) -> None:
    write(place, tool="forgotten")
    said = ask(place, "check")
    assert said.status == 1
    assert (
        "E11 tools: the tool forgotten (memo_tools:FORGOTTEN) needs changes that are not installed: oblivion"
        in said.out
    )
    assert "install what provides them as entry points agentcron.changes" in said.out
