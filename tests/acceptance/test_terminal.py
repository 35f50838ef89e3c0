"""The terminal: its width, its silence, its signals, and what must never reach it raw."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.core.text.safe import cells
from scheduler.doors.cli.main import VERBS
from tests.fake_messages_api import FakeMessagesAPI, answer
from tests.kit.person import RAW, Terminal, ask
from tests.kit.processes import Installation, Zygote, clean_environment, until

pytestmark = pytest.mark.process

ESCAPES = re.compile("\x1b\\[(?!K)|\x1b\\]")
EVIL = "ev\x1b[2J\x1b]0;owned\x07il \u202etxt.exe\u202c \u200bzero \x9b31m \x00nul\rover"


def lasting(text: str) -> str:
    """What is left on a terminal when all live lines were rewritten."""
    return "\n".join(line.rpartition("\r\x1b[K")[2] for line in text.split("\r\n"))


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(zygote, tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def claude(place: Installation, api: FakeMessagesAPI) -> FakeMessagesAPI:
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    place.crontab('@manual  work  "Work"\n')
    return api


@pytest.fixture
def terminals(place: Installation) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def on_terminal(place: Installation, terminals: list[Terminal], *argv: str, **more: str) -> Terminal:
    terminals.append(Terminal(place.zygote, place.home, *argv, env=place.environment | more))
    return terminals[-1]


# -- width and colour -----------------------------------------------------------------------------
LONG = "a-job-with-a-name-as-long-as-a-name-may-ever-be-which-is-64-letters"[:64]
WIDE = (
    "MODEL = rehearsal:r.jsonl\n"
    f'*/5 8-18/2 1,5,9,13,17,21,25 jan-nov mon-fri  {LONG}  "Say {"very " * 40}much"  tz=Asia/Tokyo\n'
    '@manual  wide  "日本語のとても長いプロンプト、端末の幅を超えるはずです、そうですよね、はい"\n'
    f'61 9 * * *  broken-{LONG[:40]}  "x"\n'
)
LOOKS = (("list",), ("list", "--all"), ("next",), ("why", "wide"), ("why", LONG), ("check",), ("doctor",))


@pytest.mark.parametrize("no_colour", [False, True])
def test_everything_fits_80_columns_and_has_no_colour_in_a_pipe(place: Installation, no_colour: bool) -> None:
    place.crontab(WIDE)
    long = "長い報告です。" * 20 + "word " * 60
    (place.home / "r.jsonl").write_text(
        json.dumps({"text": long, "calls": [{"name": "sleep", "input": {"until": "90d", "reason": long}}]})
        + "\n"
    )
    said = ask(place, "run", "wide", "--wait").is_fine()
    run = place.json("list")["runs"][0]["id"]
    if no_colour:
        place.environment["NO_COLOR"] = "1"
    answers = [
        said,
        *(ask(place, *argv) for argv in (*LOOKS, ("show", run), ("show", run, "--full"))),
    ]
    for said in answers:
        said.is_clean()
        for line in said.out.splitlines():
            # What quotes a line of the crontab is as wide as that line, as with every compiler.
            if not re.match(r"crontab:|  help:| +\d* \|", line):
                assert cells(line) <= 80, f"{cells(line)} cells: {line}\n{said}"


def test_a_terminal_shows_nothing_that_a_pipe_does_not(
    place: Installation, terminals: list[Terminal]
) -> None:
    place.crontab(WIDE)
    (place.home / "r.jsonl").write_text('{"text": "Done."}\n')
    for argv in (("list",), ("check",), ("explain", "@daily")):
        shown = on_terminal(place, terminals, *argv, NO_COLOR="1")
        shown.wait()
        assert not ESCAPES.search(shown.text), shown.text
        piped = ask(place, *argv)
        steady = re.compile(r"in \d.*|\d+[smhd]\b.*")
        lines = [steady.sub("", line.rstrip()) for line in shown.text.replace("\r\n", "\n").splitlines()]
        for line in piped.out.splitlines():
            assert steady.sub("", line.rstrip()) in lines


# -- silence --------------------------------------------------------------------------------------
def test_run_wait_is_never_silent_for_long_on_a_terminal(
    place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]
) -> None:
    claude.script("Work", answer("At last.", delay_seconds=3))
    terminal = on_terminal(place, terminals, "run", "work", "--wait")
    until(lambda: claude.requests, 20)
    began = time.monotonic()
    assert terminal.wait() == 0, terminal.text
    assert terminal.longest_silence(began) < 1.0
    assert re.search(r"running, step 1, \d s", terminal.text)
    left = lasting(terminal.text)
    assert "running, step 1" not in left
    assert "agent:  At last." in left


def test_tick_shows_progress_on_a_terminal(
    place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]
) -> None:
    claude.script("Work", answer("At last.", delay_seconds=3))
    place.json("run", "work")
    terminal = on_terminal(place, terminals, "tick")
    until(lambda: claude.requests, 20)
    began = time.monotonic()
    assert terminal.wait() == 0, terminal.text
    assert terminal.longest_silence(began) < 1.2
    assert "1 run working" in terminal.text
    assert "1 run at work" not in lasting(terminal.text)


def test_a_pipe_gets_whole_lines_only(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("At last.", delay_seconds=1))
    said = ask(place, "run", "work", "--wait").is_fine("At last.")
    assert "\r" not in said.out + said.err
    assert said.err == ""


# -- Ctrl-C ---------------------------------------------------------------------------------------
def test_ctrl_c_on_up_is_a_good_end(place: Installation, terminals: list[Terminal]) -> None:
    place.crontab('@manual  a  "b"  model=rehearsal:r.jsonl\n')
    terminal = on_terminal(place, terminals, "up")
    terminal.shows("crontab loaded")
    terminal.type("\x03")
    assert terminal.wait() == 0, terminal.text
    assert "Traceback" not in terminal.text
    assert place.json("list")["daemon"] is None
    assert not list((place.home / "runners").iterdir())


def test_ctrl_c_twice_on_up_cuts_off_what_is_under_way(
    place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]
) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    run = place.json("run", "work")["run"]
    terminal = on_terminal(place, terminals, "up")
    until(lambda: claude.requests, 20)
    terminal.type("\x03")
    terminal.shows("stopping")
    began = time.monotonic()
    terminal.type("\x03")
    assert terminal.wait() == 0, terminal.text
    assert time.monotonic() - began < 5
    assert place.json("show", run)["run"]["state"] == "queued"


def test_ctrl_c_on_run_wait_hands_the_run_back(
    place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]
) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    terminal = on_terminal(place, terminals, "run", "work", "--wait")
    until(lambda: claude.requests, 20)
    terminal.type("\x03")
    time.sleep(0.3)
    terminal.type("\x03")
    assert terminal.wait(15) == 130, terminal.text
    assert "Traceback" not in terminal.text
    assert "Start: agentcron up" in terminal.text
    [run] = place.json("list")["runs"]
    assert run["state"] == "queued"
    assert not list((place.home / "runners").iterdir())


def test_ctrl_c_on_run_wait_leaves_the_run_to_its_daemon(
    place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]
) -> None:
    claude.script("Work", answer("In time.", delay_seconds=2))
    daemon = place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 20)
    terminal = on_terminal(place, terminals, "run", "work", "--wait")
    until(lambda: claude.requests, 20)
    terminal.type("\x03")
    assert terminal.wait(5) == 130, terminal.text
    assert "it continues without this terminal" in terminal.text
    until(lambda: "succeeded" in daemon.stderr, 20, lambda: daemon.stderr)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0


def test_ctrl_c_on_tick(place: Installation, claude: FakeMessagesAPI, terminals: list[Terminal]) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    run = place.json("run", "work")["run"]
    terminal = on_terminal(place, terminals, "tick")
    until(lambda: claude.requests, 20)
    terminal.type("\x03")
    terminal.shows("stopping")
    terminal.type("\x03")
    assert terminal.wait(15) == 130, terminal.text
    assert place.json("show", run)["run"]["state"] == "queued"


def test_ctrl_c_on_the_demo_leaves_no_daemon(place: Installation, terminals: list[Terminal]) -> None:
    terminal = on_terminal(place, terminals, "demo")
    terminal.shows("started a daemon")
    pid = int(re.findall(r"pid (\d+)", terminal.text)[0])
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# -- hostile text ---------------------------------------------------------------------------------
def test_nothing_of_a_prompt_a_tool_or_a_model_reaches_the_terminal_raw(
    place: Installation, claude: FakeMessagesAPI
) -> None:
    (place.home / "p.md").write_text(f"Do it. {EVIL.replace(chr(0), '')}\n")
    place.crontab("@manual  work  @p.md\n")
    workdir = place.home / "work" / "work"
    workdir.mkdir(parents=True)
    (workdir / "in.txt").write_text(EVIL)
    claude.script(
        "Do it.",
        answer(EVIL, calls=[("read", {"file_path": "in.txt"}), ("read", {"file_path": EVIL})]),
        answer(EVIL, calls=[("note", {"text": EVIL}), ("nosuch", {"x": EVIL})]),
        answer(EVIL, calls=[("sleep", {"until": "1h", "reason": EVIL})]),
        answer(calls=[("finish", {"summary": EVIL, "outcome": "failed"})]),
    )
    said = [ask(place, "run", "work", "--wait")]
    run = place.json("list")["runs"][0]["id"]
    looks = (
        ("list",),
        ("show", run),
        ("show", run, "--full"),
        ("why", "work"),
        ("next",),
        ("check",),
        ("doctor",),
    )
    said += [ask(place, *argv) for argv in looks]
    said.append(ask(place, "resume", run, "--message", EVIL.replace("\x00", "")))
    said.append(ask(place, "tick"))
    said += [ask(place, *argv) for argv in (*looks, ("list", "--all"))]
    said += [
        ask(place, verb, EVIL.replace("\x00", ""))
        for verb in ("show", "run", "why", "explain", "help", "cancel")
    ]
    for one in said:
        assert not RAW.search(one.out + one.err), one
        assert "internal error in agentcron" not in one.err, one
        assert "owned" not in one.out or "\\x1b" in one.out, one
    assert any("\\x1b" in one.out for one in said)
    for argv in (("show", run), ("list",), ("why", "work")):
        text = ask(place, *argv, "--json").out
        assert text.isascii()
        json.loads(text)


def test_hostile_lines_of_a_crontab(place: Installation) -> None:
    place.crontab(
        '@manual  a\x1b[2Jb  "x"\n61 9 * * *  c  "\x1b]0;owned\x07 \u202e"\nE\x9bVIL = 1\n@manual ok "x"\n'
    )
    daemon = place.start("up", ANTHROPIC_API_KEY="k")
    until(lambda: "crontab loaded" in daemon.stderr, 20, lambda: daemon.stderr)
    for argv in (("check",), ("list",), ("next",), ("doctor",), ("run", "c"), ("why", "c")):
        ask(place, *argv).is_clean()
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0
    assert not RAW.search(daemon.stderr + daemon.stdout)


# -- help -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb(place: Installation, verb: str) -> None:
    said = ask(place, verb, "--help").is_fine("Usage: agentcron", "Example")
    assert said.err == ""
    lines = said.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) <= 24, said


def test_help_and_version(place: Installation) -> None:
    said = ask(place, "--help").is_fine("agentcron demo", *VERBS)
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert re.fullmatch(r"agentcron \d+\.\d+\.\d+\S*\n", ask(place, "--version").is_fine().out)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom scheduler.doors.cli.main import _status\n"
        "for argv in (['--help'], ['--version'], ['list', '--help']):\n    _status(argv)\n"
        "heavy = {'anthropic', 'sqlmodel', 'sqlalchemy', 'alembic', 'croniter', 'pydantic', 'asyncio'}\n"
        "sys.exit(f'imported: {sorted(heavy & set(sys.modules))}' if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_daemon_outlives_its_terminal(place: Installation) -> None:
    place.crontab('@manual  a  "b"  model=rehearsal:r.jsonl\n')
    (place.home / "r.jsonl").write_text('{"text": "Done."}\n')
    master, slave = os.openpty()
    name = os.ttyname(slave)
    order = {"op": "start", "argv": ["--home", str(place.home), "up"], "env": clean_environment()}
    pid = place.zygote.ask(order | {"cwd": str(place.home), "stdin": name, "stdout": name, "stderr": name})[
        "pid"
    ]
    until(lambda: place.database.exists() and place.json("list")["daemon"], 20)
    os.close(slave)
    os.close(master)  # the window is closed: SIGHUP, and from now on every write fails
    place.crontab('@manual  a  "b"  model=rehearsal:r.jsonl\n61 * * * *  broken  "x"\n')
    until(lambda: len(place.json("list")["jobs"]) == 2, 5)
    time.sleep(1.5)
    ask(place, "run", "a", "--wait").is_fine("succeeded")
    assert place.json("list")["daemon"]["pid"] == pid
    os.kill(pid, signal.SIGTERM)

    def poll() -> list[int]:
        status = place.zygote.ask({"op": "poll", "pid": pid})["status"]
        return [] if status is None else [status]

    assert until(poll, 20, "the end of the daemon") == [0]
