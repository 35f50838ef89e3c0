"""The first minutes: from an installed tool to an agent that slept and resumed, by what is printed."""

from __future__ import annotations

import re
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.person import Said, Terminal, ask
from tests.kit.processes import ROOT, Installation, Zygote, until

pytestmark = pytest.mark.process

NEXT = re.compile(r"(?:next|then|look):\s+agentcron ([a-z]+(?: [\w.-]+)?)(?= {2,}|$|\s+then:)", re.MULTILINE)
JOB = '@every 1s  napper  "Take a nap, then say how it was."\n'
GOOD = '@manual  nap  "Take a nap"\n'
BROKEN = '61 9 * * *  nap  "Take a nap"\n0 9 * * *  other  "x"  budgte=1/run\n'


def advice(said: Said) -> list[list[str]]:
    """The commands that an answer tells to type next."""
    return [shlex.split(found) for found in NEXT.findall(said.out + said.err)]


def editor(tmp_path: Path, *lines: str, name: str = "editor.sh") -> str:
    """An editor for tests: a script that does ``lines`` to the file ``$1``."""
    script = tmp_path / name
    script.write_text("\n".join(("#!/bin/sh", *lines, "")))
    script.chmod(0o755)
    return str(script)


def writes(tmp_path: Path, text: str, name: str = "new") -> str:
    """An editor that writes ``text``."""
    (tmp_path / name).write_text(text)
    return editor(tmp_path, f'cp "{tmp_path / name}" "$1"', name=f"{name}.sh")


@pytest.fixture
def fresh(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    """A machine where nothing was ever written."""
    place = Installation(zygote, tmp_path / "home")
    yield place
    place.close()


def test_a_person_gets_to_an_agent_that_slept_by_reading_what_the_commands_print(
    fresh: Installation, api: FakeMessagesAPI, tmp_path: Path
) -> None:
    api.script(
        "Take a nap",
        answer("I lie down.", calls=[("sleep", {"until": "1s", "reason": "a nap"})]),
        answer(calls=[("finish", {"summary": "It was short.", "outcome": "done"})]),
    )
    fresh.environment |= {
        "EDITOR": editor(tmp_path, "cat >> \"$1\" <<'END'", JOB.rstrip(), "END"),
        "ANTHROPIC_BASE_URL": api.url,
    }
    first = ask(fresh, "init").is_fine()
    assert advice(first) == [["edit"], ["up"]]
    edited = ask(fresh, *advice(first)[0]).is_fine("installed")
    assert advice(edited) == [["check"], ["up"]]
    ask(fresh, *advice(edited)[0]).is_fine("2 jobs", "/day", "ANTHROPIC_API_KEY is not set")
    # He forgot the key: the message says what to export.
    forgot = ask(fresh, *advice(edited)[1]).is_error(5, "ANTHROPIC_API_KEY is not set")
    assert "export ANTHROPIC_API_KEY=" in forgot.err
    fresh.environment["ANTHROPIC_API_KEY"] = "his-key"
    daemon = fresh.start(*advice(edited)[1])
    until(lambda: "See: agentcron list" in daemon.stdout, 20, lambda: daemon.stderr)
    until(lambda: "is sleeping" in daemon.stderr, 20, lambda: daemon.stderr)
    ask(fresh, "list").is_fine("napper", "a nap", "daemon up since")
    # "... and resumed": the rest of its only run, or of the first of several.
    until(lambda: "succeeded" in daemon.stderr, 20, lambda: daemon.stderr)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
    done = next(run for run in fresh.json("list", "--all")["runs"] if run["state"] == "succeeded")
    ask(fresh, "show", done["id"]).is_fine("I lie down.", "It was short.", "a nap")
    verify_pairing(api.requests)
    woken = next(seen for seen in api.requests if len(seen.messages) == 3)
    assert "You slept" in str(woken.messages[2]), woken.messages[2]


# -- init -----------------------------------------------------------------------------------------
def test_init_twice_keeps_what_is_there(fresh: Installation) -> None:
    ask(fresh, "init").is_fine("no job in it fires by itself")
    fresh.crontab(GOOD)
    ask(fresh, "init").is_error(4, "a crontab already exists", "agentcron edit")
    assert (fresh.home / "crontab").read_text() == GOOD


def test_the_starter_is_the_example_and_spends_nothing(fresh: Installation) -> None:
    ask(fresh, "init").is_fine()
    crontab = fresh.home / "crontab"
    assert crontab.read_text() == (ROOT / "crontab.example").read_text()
    assert stat.S_IMODE(crontab.stat().st_mode) == 0o600
    assert stat.S_IMODE(fresh.home.stat().st_mode) == 0o700
    checked = fresh.json("check")
    assert checked["ok"]
    assert checked["usd_per_day"] == 0
    assert fresh.json("next")["next"] == []


def test_every_line_of_the_starter_that_is_commented_out_is_a_good_one(fresh: Installation) -> None:
    ask(fresh, "init").is_fine()
    crontab = fresh.home / "crontab"
    text = re.sub(r"^#(?=\S)", "", crontab.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^#(?=    )(?!     )(?=.*(Read the files|# What I want|- ))", "", text, flags=re.MULTILINE)
    crontab.write_text(re.sub(r"^#$", "", text, flags=re.MULTILINE))
    said = ask(fresh, "check").is_clean()
    assert said.status == 0, f"{said}\n{crontab.read_text()}"


def test_init_makes_the_folder_of_a_crontab_elsewhere(fresh: Installation, tmp_path: Path) -> None:
    there = tmp_path / "etc" / "agents" / "crontab"
    ask(fresh, "--crontab", str(there), "init").is_fine(str(there))
    assert there.is_file()


# -- edit -----------------------------------------------------------------------------------------
def test_edit_without_a_crontab_begins_with_the_starter(fresh: Installation, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    ask(fresh, "edit", EDITOR=editor(tmp_path, f'cp "$1" {seen}')).is_fine("installed")
    assert seen.read_text() == (ROOT / "crontab.example").read_text() == (fresh.home / "crontab").read_text()


def test_edit_makes_the_folder_of_a_crontab_elsewhere(fresh: Installation, tmp_path: Path) -> None:
    there = tmp_path / "etc" / "crontab"
    ask(fresh, "--crontab", str(there), "edit", EDITOR=writes(tmp_path, GOOD)).is_fine("installed")
    assert there.read_text() == GOOD


def test_visual_goes_before_editor_and_may_have_arguments(fresh: Installation, tmp_path: Path) -> None:
    visual = editor(tmp_path, 'test "$1" = "--wait me" && echo \'@manual a "b"\' > "$2"')
    ask(fresh, "edit", EDITOR="false", VISUAL=f"{visual} '--wait me'").is_fine("installed")
    assert (fresh.home / "crontab").read_text() == '@manual a "b"\n'


def test_nothing_changed(fresh: Installation) -> None:
    fresh.crontab(GOOD)
    before = (fresh.home / "crontab").stat()
    ask(fresh, "edit", EDITOR="true").is_fine("nothing changed")
    assert (fresh.home / "crontab").stat().st_ino == before.st_ino


def test_a_broken_text_in_a_pipe_is_kept_aside_and_the_old_one_stays(
    fresh: Installation, tmp_path: Path
) -> None:
    fresh.crontab(GOOD)
    said = ask(fresh, "edit", EDITOR=writes(tmp_path, BROKEN)).is_clean()
    assert (said.status, said.out) == (1, "")
    assert "crontab:1:1: error E02" in said.err
    assert "crontab:2:24: error E10" in said.err, said
    assert "did you mean" in said.err
    kept = fresh.home / "crontab.rejected"
    assert f"the old crontab is unchanged; your text is in {kept}" in said.err
    assert kept.read_text() == BROKEN
    assert (fresh.home / "crontab").read_text() == GOOD
    # The next one that is refused does not overwrite the first.
    ask(fresh, "edit", EDITOR=writes(tmp_path, BROKEN + "# more\n"))
    assert kept.read_text() == BROKEN
    assert (fresh.home / "crontab.rejected.2").read_text() == BROKEN + "# more\n"
    assert not list(fresh.home.glob("*.edit")) + list(fresh.home.glob("*.new"))


def test_what_check_refuses_edit_refuses_too(fresh: Installation, tmp_path: Path) -> None:
    fresh.crontab(GOOD)
    for text, word in (
        ('@manual  a  "b"  tools=read,wirte\n', "wirte"),
        ('@manual  a  "b"  model=rehearsal:missing.jsonl\n', "missing.jsonl"),
        ("@manual  a  @missing.md\n", "missing.md"),
    ):
        said = ask(fresh, "edit", EDITOR=writes(tmp_path, text)).is_clean()
        assert said.status == 1, said
        assert word in said.err
    assert (fresh.home / "crontab").read_text() == GOOD


def test_a_text_that_is_not_utf_8(fresh: Installation, tmp_path: Path) -> None:
    fresh.crontab(GOOD)
    latin = tmp_path / "latin"
    latin.write_bytes(b'# caf\xe9\n@manual a "b"\n')
    said = ask(fresh, "edit", EDITOR=editor(tmp_path, f'cp {latin} "$1"')).is_clean()
    assert said.status == 1, said
    assert "crontab:1: this is not UTF-8 text" in said.err
    assert (fresh.home / "crontab.rejected").read_bytes() == latin.read_bytes()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/no/such/editor", ("cannot start the editor", "set EDITOR to one that is installed")),
        ("false", ("ended with status 1", "the crontab is unchanged")),
        ("'unclosed", ("EDITOR is not a command",)),
    ],
)
def test_an_editor_that_fails(fresh: Installation, command: str, words: tuple[str, ...]) -> None:
    fresh.crontab(GOOD)
    ask(fresh, "edit", EDITOR=command).is_error(5, *words)
    assert (fresh.home / "crontab").read_text() == GOOD
    assert not list(fresh.home.glob("*.edit"))


def test_two_edits_at_once_lose_nothing(fresh: Installation, tmp_path: Path) -> None:
    fresh.crontab(GOOD)
    mine, his = GOOD + '@manual mine "x"\n', GOOD + '@manual his "x"\n'
    (tmp_path / "mine").write_text(mine)
    go = tmp_path / "go"
    slow = editor(
        tmp_path, f'touch {tmp_path}/open; while [ ! -e {go} ]; do sleep 0.02; done; cp {tmp_path}/mine "$1"'
    )
    waiting = fresh.start("edit", EDITOR=slow)
    until(lambda: (tmp_path / "open").exists(), 10, "the first editor")
    ask(fresh, "edit", EDITOR=writes(tmp_path, his, "his")).is_fine("installed")
    go.touch()
    status = waiting.wait()
    said = Said(("edit",), status, waiting.stdout, waiting.stderr, 0)
    said.is_error(4, "was changed by another process", "crontab.rejected", "agentcron edit")
    assert (fresh.home / "crontab").read_text() == his
    assert (fresh.home / "crontab.rejected").read_text() == mine


def test_a_crontab_behind_a_link_is_changed_where_it_lies(fresh: Installation, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.write_text(GOOD)
    dotfiles.chmod(0o640)
    fresh.home.mkdir(mode=0o700)
    (fresh.home / "crontab").symlink_to(dotfiles)
    ask(fresh, "edit", EDITOR=writes(tmp_path, GOOD + "# mine\n")).is_fine("installed")
    assert (fresh.home / "crontab").is_symlink()
    assert dotfiles.read_text() == GOOD + "# mine\n"
    assert stat.S_IMODE(dotfiles.stat().st_mode) == 0o640


def _edit_on_a_terminal(fresh: Installation, command: str) -> Terminal:
    return Terminal(fresh.zygote, fresh.home, "edit", env={"EDITOR": command})


def test_on_a_terminal_no_keeps_the_old_one(fresh: Installation, tmp_path: Path) -> None:
    fresh.crontab(GOOD)
    terminal = _edit_on_a_terminal(fresh, writes(tmp_path, BROKEN))
    terminal.shows("Edit it again? [Y/n]")
    terminal.type("n\n")
    assert terminal.wait() == 1
    assert "the old crontab is unchanged" in terminal.text
    assert (fresh.home / "crontab").read_text() == GOOD
    assert (fresh.home / "crontab.rejected").read_text() == BROKEN
    terminal.close()


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_on_a_terminal_giving_up_loses_no_text(fresh: Installation, tmp_path: Path, key: str) -> None:
    fresh.crontab(GOOD)
    terminal = _edit_on_a_terminal(fresh, writes(tmp_path, BROKEN))
    terminal.shows("Edit it again? [Y/n]")
    terminal.type(key)
    assert terminal.wait() == 1
    assert (fresh.home / "crontab.rejected").read_text() == BROKEN
    assert (fresh.home / "crontab").read_text() == GOOD
    terminal.close()


def test_on_a_terminal_yes_opens_the_broken_text_again(fresh: Installation, tmp_path: Path) -> None:
    fresh.crontab(GOOD)
    (tmp_path / "broken").write_text(BROKEN)
    mending = editor(
        tmp_path,
        f'if [ ! -e {tmp_path}/once ]; then touch {tmp_path}/once; cp {tmp_path}/broken "$1"; exit; fi',
        'sed -i -e s/61/1/ -e s/budgte/budget/ "$1"',
    )
    terminal = _edit_on_a_terminal(fresh, mending)
    terminal.shows("Edit it again? [Y/n]")
    terminal.type("y\n")
    assert terminal.wait() == 0, terminal.text
    assert (fresh.home / "crontab").read_text() == BROKEN.replace("61", "1", 1).replace("budgte", "budget")
    terminal.close()


# -- the line from the old crontab ----------------------------------------------------------------
@pytest.mark.parametrize(
    "line",
    [
        '0 9 * * * claude -p "Summarise my inbox"',
        "*/15 * * * * /usr/local/bin/backup.sh",
        "@daily cd /srv/app && python manage.py cleanup > /dev/null 2>&1",
        "30 2 * * 0 root /usr/bin/certbot renew --quiet",
        '0 9 * * 1-5 curl -s https://example.com/x | claude -p "What is new?"',
    ],
)
def test_a_line_of_an_ordinary_crontab_comes_back_rewritten_and_works(fresh: Installation, line: str) -> None:
    fresh.crontab(line + "\n")
    said = ask(fresh, "check").is_clean()
    assert said.status == 1
    assert "error E16" in said.out
    rewritten = re.search(r"help: write `(.*)`$", said.out, re.MULTILINE)
    assert rewritten is not None, said
    fresh.crontab(rewritten[1] + "\n")
    again = ask(fresh, "check").is_clean()
    missing_gate = "E13" in again.out  # the command of the line is not installed on this machine
    assert again.status == 0 or missing_gate, again
    if not missing_gate:
        [job] = fresh.json("list")["jobs"]
        assert job["state"] == "active"
        assert job["next_fire"] is not None


def test_the_rewritten_line_runs(fresh: Installation, api: FakeMessagesAPI) -> None:
    api.script("Summarise my inbox", answer("Two letters."))
    fresh.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    fresh.crontab('0 9 * * * claude -p "Summarise my inbox"\n')
    found = re.search(r"help: write `(.*)`$", ask(fresh, "check").out, re.MULTILINE)
    assert found is not None
    fresh.crontab(found[1] + "\n")
    ask(fresh, "run", "claude", "--wait").is_fine("Two letters.", "succeeded")
