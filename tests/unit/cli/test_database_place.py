"""Where the database is: a file in the home, or what an option or a variable says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.config import Config, load
from tests.unit.cli.conftest import Call

CRONTAB = '@manual  brief  "Say hello."\n'
POSTGRES = "postgresql://anna:hunter2@db.example/agents"
OTHERS = (POSTGRES, "mysql://db/x", "sqlite3:////tmp/a.db", "SQL:x")


@pytest.mark.parametrize("form", ["{0}", "sqlite:///{0}", "SQLite:///{0}"])
@pytest.mark.parametrize("by", ["--database", "AGENTCRON_DATABASE"])
def test_a_path_or_a_url_names_a_file(
    call: Call, tmp_path: Path, form: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a b?c%20.db"
    place = form.format(file) if form == "{0}" else form.format(tmp_path / "a b%20.db")
    expected = file if form == "{0}" else tmp_path / "a b%20.db"
    if by == "--database":
        assert call("--database", place, "db", "path").out == f"{expected}\n"
    else:
        monkeypatch.setenv(by, place)
        assert call("db", "path").out == f"{expected}\n"


def test_a_path_may_begin_in_the_directory_of_the_caller_or_in_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("x/state.db", "~/x/state.db", "./x/../x/state.db"):
        assert load(database=place).database == tmp_path / "x" / "state.db", place
    assert load(database="./a:b.db").database == tmp_path / "a:b.db", "a path with a colon"


def test_the_option_wins_over_the_variable_and_both_over_the_home(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTCRON_DATABASE", str(tmp_path / "variable.db"))
    assert call("db", "path").out == f"{tmp_path}/variable.db\n"
    assert call("--database", str(tmp_path / "option.db"), "db", "path").out == f"{tmp_path}/option.db\n"


def test_an_empty_option_is_refused_and_an_empty_variable_says_nothing(
    call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = call("--database", "", "db", "path")
    assert (answer.status, answer.out) == (2, "")
    assert "--database is empty" in answer.err
    monkeypatch.setenv("AGENTCRON_DATABASE", "")
    assert call("db", "path").out == f"{home}/agentcron.db\n"


def test_all_state_is_there_and_none_in_the_home(call: Call, home: Path, tmp_path: Path) -> None:
    (home / "crontab").write_text(CRONTAB)
    file = tmp_path / "state.db"
    there = ("--database", f"sqlite:///{file}")
    assert call(*there, "pause", "brief").status == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (home / "agentcron.db").exists()
    [job] = json.loads(call(*there, "list", "--json").out)["jobs"]
    assert job["state"] == "paused"
    assert "schema" in call(*there, "doctor").out
    assert call(*there, "backup", str(tmp_path / "copy")).status == 0
    assert call(*there, "restore", str(tmp_path / "copy")).status == 0
    assert [path.name for path in tmp_path.glob("state.db.before-restore-*")], "the old one, next to it"


def test_a_directory_that_is_missing_is_named(call: Call, home: Path, tmp_path: Path) -> None:
    (home / "crontab").write_text(CRONTAB)
    answer = call("--database", str(tmp_path / "nowhere" / "state.db"), "pause", "brief")
    assert answer.status == 5
    assert f"the directory {tmp_path}/nowhere of the database does not exist" in answer.err
    assert "mkdir -p" in answer.err


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///state.db", "sqlite:state.db", "sqlite:////a.db?mode=ro"]
)
@pytest.mark.parametrize("by", ["--database", "AGENTCRON_DATABASE"])
def test_a_url_of_no_absolute_path_is_refused(
    call: Call, url: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "--database":
        answer = call("--database", url, "list")
    else:
        monkeypatch.setenv(by, url)
        answer = call("list")
    assert (answer.status, answer.out) == (2, "")
    assert f"{by} is {url}" in answer.err
    assert "sqlite:////var/lib/agentcron/agentcron.db" in answer.err


@pytest.mark.parametrize("url", OTHERS)
@pytest.mark.parametrize(
    "verb",
    [
        *(("db", "path"), ("db", "status"), ("db", "upgrade"), ("list",), ("up",), ("tick",)),
        *(("pause", "brief"), ("prune",), ("backup", "copy"), ("approve", "abcd")),
    ],
    ids=" ".join,
)
def test_a_database_without_an_adapter_is_one_clear_error(
    call: Call, home: Path, url: str, verb: tuple[str, ...]
) -> None:
    (home / "crontab").write_text(CRONTAB)
    answer = call("--database", url, *verb)
    assert (answer.status, answer.out) == (2, ""), answer
    assert f"agentcron has no adapter for {url.partition(':')[0].lower()}" in answer.err
    assert "--database or AGENTCRON_DATABASE" in answer.err
    assert "hunter2" not in answer.err, "a URL may hold a password"
    assert not (home / "agentcron.db").exists()


def test_the_doctor_tells_it_once(call: Call, home: Path) -> None:
    (home / "crontab").write_text(CRONTAB)
    answer = call("--database", POSTGRES, "doctor")
    assert answer.status == 1
    assert answer.out.count("no adapter") == 1, answer.out
    assert "hunter2" not in answer.out + answer.err


def test_what_needs_no_database_works_without_an_adapter(call: Call, home: Path) -> None:
    (home / "crontab").write_text(CRONTAB)
    assert call("--database", POSTGRES, "check").status == 0
    assert call("--database", POSTGRES, "explain", "0 9 * * *").status == 0


def test_no_agent_works_where_the_database_is(call: Call, home: Path, tmp_path: Path) -> None:
    (home / "crontab").write_text(f'@manual  brief  "Say hello."  workdir={tmp_path}/state\n')
    (tmp_path / "state").mkdir()
    answer = call("--database", f"{tmp_path}/state/agents.db", "check")
    assert answer.status == 1
    assert "it contains the database" in answer.out + answer.err
    assert call("--database", f"{tmp_path}/other/agents.db", "check").status == 0


def test_places_of_a_home_heed_no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "CRONTAB", "DATABASE"):
        monkeypatch.setenv(f"AGENTCRON_{name}", str(tmp_path / "elsewhere"))
    found = Config.of_home(tmp_path / "home")
    assert (found.home, found.crontab) == (tmp_path / "home", tmp_path / "home" / "crontab")
    assert found.database == tmp_path / "home" / "agentcron.db"
