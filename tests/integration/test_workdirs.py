"""Workdirs as ways out: folders in other folders, links laid anew, files of the owner's that lie in one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.adapters.trust_file import read_policy
from scheduler.app.crontab import crontab_file
from scheduler.config import load
from scheduler.core.job.standing import StandingOrders
from scheduler.core.run.run import State
from scheduler.host.workdirs import Workdirs, path_parts
from scheduler.ports.model import Ask
from scheduler.ports.tool import Args
from scheduler.testing.world import World, open_world
from tests.kit.models import Answer, FakeModel, Said, call, finish

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    return home


def read(home: Path, *lines: str) -> StandingOrders:
    (home / "crontab").write_text("\n".join(lines), encoding="utf-8")
    return crontab_file(load(str(home))).read(NOON)


def refused(orders: StandingOrders) -> Mapping[str, str]:
    return {each.name: each.problem for each in orders.broken}


# At loading


def test_what_is_looked_up_once_is_what_each_look_would_find(tmp_path: Path) -> None:
    """Links in folders, at the end, to nothing, in a loop, and paths that go up."""
    (tmp_path / "home" / "work" / "plain").mkdir(parents=True)
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for name, target in (("up", "far/deep"), ("loop", "loop"), ("none", "nowhere"), ("home/work/a", "../..")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "far" / "deep" / "back").symlink_to(tmp_path / "home")
    workdirs = Workdirs(load(str(tmp_path / "home")))
    ends = "home/work/plain home/work/a home/work/new up up/x up/back/work up/../x up/. loop none none/x"
    for end in (*ends.split(), "file", "file/x", "far/", "", "missing/x/y", ".."):
        path = f"{tmp_path}/{end}"
        assert workdirs._look(path) == (os.path.realpath(path), tuple(path_parts(path))), end
        assert workdirs._look(path) == (os.path.realpath(path), tuple(path_parts(path))), f"{end}, again"
    below = f"{tmp_path}/loop/x"  # leads nowhere, and is one step more than `path_parts` takes
    assert workdirs._look(below) == (os.path.realpath(below), (*path_parts(below), f"{tmp_path}/loop/x"))
    assert workdirs._look("/") == ("/", ())


def test_many_workdirs_share_what_is_above_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand jobs took four seconds to list: each folder on the way was looked at for every one."""
    looks: list[str] = []
    readlink = os.readlink

    def counted(path: str) -> str:
        looks.append(path)
        return readlink(path)

    monkeypatch.setattr(os, "readlink", counted)
    orders = read(home, *(f'@daily job-{number} "x"' for number in range(300)))
    assert len(orders.jobs) == 300
    assert len(looks) < 300


def test_a_workdir_in_another_ones_is_refused_and_so_is_that_one(home: Path, tmp_path: Path) -> None:
    """Whoever works in the outer folder could exchange the inner one for any folder of the owner's."""
    w = tmp_path / "w"
    orders = read(
        home, f'@daily outer "x" workdir={w}', f'@daily inner "x" workdir={w}/in', '@daily other "x"'
    )
    assert [each.name for each in orders.jobs] == ["other"]
    assert refused(orders) == {
        "inner": f"E11 workdir: {w}/in is in {w}, that of outer",
        "outer": f"E11 workdir: {w} contains that of inner",
    }


@pytest.mark.parametrize(
    "inner",
    [
        "{home}/work/brief/in",
        "work/brief/in/deeper",
        "{tmp}/link/in",  # a link of the owner's into the other folder
        "{home}/work/brief/out",  # a link out of it: who works there can lay it anew
    ],
)
def test_default_folders_and_links_count_too(home: Path, tmp_path: Path, inner: str) -> None:
    (home / "work" / "brief").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(home / "work" / "brief")
    (home / "work" / "brief" / "out").symlink_to(tmp_path / "elsewhere")
    orders = read(
        home, '@daily brief "x"', f'@daily nested "x" workdir={inner.format(home=home, tmp=tmp_path)}'
    )
    assert orders.jobs == ()
    assert f"is in {home}/work/brief, that of brief" in refused(orders)["nested"]


def test_two_jobs_may_share_one_folder_by_whatever_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "w")
    orders = read(home, f'@daily a "x" workdir={tmp_path}/w', f'@daily b "x" workdir={tmp_path}/link')
    assert {each.workdir for each in orders.jobs} == {f"{tmp_path}/w"}
    assert len(orders.jobs) == 2


@pytest.mark.parametrize("workdir", ["{home}/work", "{tmp}/work"])
def test_the_folder_of_all_workdirs_is_nobodys(home: Path, tmp_path: Path, workdir: str) -> None:
    (home / "work").rmdir()
    (tmp_path / "work").mkdir()
    (home / "work").symlink_to(tmp_path / "work")
    orders = read(home, f'@daily brief "x" workdir={workdir.format(home=home, tmp=tmp_path)}')
    assert "it contains the folders of other jobs" in refused(orders)["brief"]


def test_what_is_pinned_is_the_real_path(home: Path, tmp_path: Path) -> None:
    """Of a default folder too: the home may be a link."""
    (tmp_path / "alias").symlink_to(home)
    (home / "crontab").write_text('@daily brief "x"\n', encoding="utf-8")
    config = load(str(tmp_path / "alias"))
    [job] = crontab_file(config).read(NOON).jobs
    assert job.workdir == f"{home}/work/brief"


def test_a_crontab_in_a_default_folder_is_refused(home: Path) -> None:
    (home / "work" / "brief").mkdir()
    crontab = home / "work" / "brief" / "crontab"
    crontab.write_text('@daily brief "x"\n', encoding="utf-8")
    config = load(str(home), str(crontab))
    assert "it contains the crontab" in refused(crontab_file(config).read(NOON))["brief"]
    assert "where agents work" in read_policy(config).fault, "and every job of such a file waits"


@pytest.mark.parametrize("job", ["brief", "other"])
@pytest.mark.parametrize("where", ["{home}/work/brief/token", "{home}/work/gone/token", "{tmp}/token"])
def test_a_secret_that_an_agent_could_read_is_refused(
    home: Path, tmp_path: Path, job: str, where: str
) -> None:
    (home / "work" / "brief").mkdir()
    (home / "work" / "brief" / "link").symlink_to("/etc/token")
    (tmp_path / "token").symlink_to(home / "work" / "brief" / "link")
    path = where.format(home=home, tmp=tmp_path)
    orders = read(home, f"SECRET.TOKEN = file:{path}", f'@daily {job} "x"')
    found = refused(orders)[job]
    assert f"E11 SECRET.TOKEN = file:{path} is in an agent's workdir" in found


def test_a_secret_that_is_elsewhere_is_fine(home: Path, tmp_path: Path) -> None:
    orders = read(home, f"SECRET.TOKEN = file:{tmp_path}/token", '@daily brief "x"')
    assert orders.problems == ()


def test_a_gate_is_refused_that_is_reached_by_a_link_in_a_workdir(home: Path, tmp_path: Path) -> None:
    """It leads to an honest program now; the agent can lay it anew."""
    (home / "work" / "brief").mkdir()
    (home / "work" / "brief" / "check").symlink_to("/bin/true")
    (tmp_path / "sub").symlink_to(home / "work" / "brief")
    orders = read(home, f'@daily brief "x" gate={tmp_path}/sub/check')
    assert refused(orders)["brief"].startswith(f"E13 {tmp_path}/sub/check is in an agent's workdir")


def test_what_a_path_passes_is_every_folder_and_link(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "a" / "c").symlink_to(f"{tmp_path}/d")
    root = [str(each) for each in (*tmp_path.parents, tmp_path) if str(each) != "/"]
    found = list(path_parts(f"{tmp_path}/b/./c/../e"))
    assert set(found) == {*root, *(f"{tmp_path}/{each}" for each in ("b", "a", "a/c", "d", "e"))}
    (tmp_path / "loop").symlink_to("loop")
    assert f"{tmp_path}/loop" in path_parts(f"{tmp_path}/loop/x")


# While runs live


async def one_run(world: World, folder: Path) -> str:
    await world.load(f'@manual  inner  "Write."  tools=write workdir={folder}\n')
    return await world.fire("inner")


async def test_a_folder_that_was_exchanged_for_a_link_parks_the_run_until_it_is_back(
    home: Path, tmp_path: Path
) -> None:
    """The attack: the free ``write`` of one job would leave a trust file in the home."""
    write = call(("write", {"file_path": "trust.toml", "content": 'default = "act"'}))
    folder = tmp_path / "w" / "inner"
    folder.mkdir(parents=True)
    async with open_world(home, model=FakeModel([write, finish()])) as world:
        run_id = await one_run(world, folder)
        folder.rmdir()
        folder.symlink_to(home)
        await world.settle()
        run = await world.run(run_id)
        assert (run.state, run.reason_code) == (State.PARKED, "workdir")
        assert f"its workdir {folder} leads by a symlink to {home}" in run.reason
        assert not (home / "trust.toml").exists()
        assert world.model.asks == []

        folder.unlink()
        mended_at = world.clock.now()
        await world.send_reports()
        await world.jump()
        assert (await world.run(run_id)).state is State.SUCCEEDED, "it continues by itself"
        assert world.clock.now() - mended_at <= timedelta(minutes=1)
        assert (folder / "trust.toml").exists()


@pytest.mark.parametrize(
    "act",
    [
        ("write", {"file_path": "trust.toml", "content": "x"}),
        ("read", {"file_path": "secret"}),
        ("edit", {"file_path": "secret", "old_string": "t", "new_string": "x"}),
        ("grep", {"pattern": "token"}),
        ("glob", {"pattern": "*"}),
        ("shell", {"command": "cat secret > trust.toml"}),
    ],
    ids=lambda act: act[0],
)
async def test_a_folder_that_is_exchanged_while_a_run_works_stops_its_calls(
    home: Path, tmp_path: Path, act: tuple[str, Args]
) -> None:
    """By a run that still lives of a job that was taken out of the crontab, in a folder around it."""
    folder = tmp_path / "w" / "inner"
    folder.mkdir(parents=True)
    (home / "secret").write_text("token")

    def exchanged(_: Ask) -> Said:
        folder.rmdir()
        folder.symlink_to(home)
        return call(act)

    async with open_world(home, model=FakeModel([exchanged, finish()])) as world:
        await world.load(f'@manual  inner  "Do."  tools={act[0]} workdir={folder}\n')
        run = await world.play("inner")
        with world.reader() as reader:
            [made] = [each for each in reader.calls(run.id) if each.name == act[0]]
    assert "was exchanged for a symlink" in str(made.result)
    assert (home / "secret").read_text() == "token"
    assert not (home / "trust.toml").exists()


async def test_nothing_is_made_behind_a_link(home: Path, tmp_path: Path) -> None:
    async with open_world(home, model=FakeModel([finish()])) as world:
        run_id = await one_run(world, tmp_path / "w" / "inner")
        (tmp_path / "w").symlink_to(home)
        await world.settle()
        assert (await world.run(run_id)).reason_code == "workdir"
        assert not (home / "inner").exists()


async def test_a_sleeper_looks_again_when_it_wakes(home: Path, tmp_path: Path) -> None:
    answers: list[Answer] = [call(("sleep", {"until": "1h", "reason": "wait"})), finish()]
    folder = tmp_path / "w"
    async with open_world(home, model=FakeModel(answers)) as world:
        run_id = await one_run(world, folder)
        await world.settle()
        assert (await world.run(run_id)).state is State.SLEEPING
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
        await world.jump()
        assert (await world.run(run_id)).reason_code == "workdir"


async def test_a_folder_that_cannot_be_made_parks_the_run(home: Path, tmp_path: Path) -> None:
    async with open_world(home, model=FakeModel([finish()])) as world:
        run_id = await one_run(world, tmp_path / "w" / "inner")
        (tmp_path / "w").write_text("a file in the way")
        await world.settle()
        run = await world.run(run_id)
        assert (run.state, run.reason_code) == (State.PARKED, "workdir")
        assert "cannot be made: not a directory" in run.reason
        os.replace(tmp_path / "w", tmp_path / "away")
        (tmp_path / "w").mkdir()
        (tmp_path / "w" / "inner").touch()
        await world.send_reports()
        await world.jump()
        assert "is no folder" in (await world.run(run_id)).reason
