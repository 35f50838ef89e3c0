"""Real child processes that misbehave in every way we could think of."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from scheduler.errors import CannotWorkError
from scheduler.host.child import ChildResult, clean_env, run_child

pytestmark = pytest.mark.process


async def run(
    command: str | list[str], cwd: Path, timeout_seconds: float = 20, **more: object
) -> ChildResult:
    options: dict[str, object] = {"env": clean_env(), "grace_seconds": 0.3} | more
    return await run_child(command, cwd=cwd, timeout_seconds=timeout_seconds, **options)  # type: ignore[arg-type]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:  # a zombie is dead, only not buried yet
        return stat.read().rpartition(")")[2].split()[0] != "Z"


async def is_dead_soon(pid: int) -> bool:
    for _ in range(200):
        try:
            if not is_alive(pid):
                return True
        except FileNotFoundError:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    result = await run("echo out; echo err >&2; exit 3", tmp_path)
    assert result == ChildResult(3, "out\n", "err\n")


async def test_stdin_is_fed_and_closed(tmp_path: Path) -> None:
    result = await run(["cat"], tmp_path, stdin="grüße\n" * 50_000, output_bytes=1_000_000)
    assert result.stdout == "grüße\n" * 50_000


async def test_a_child_that_never_reads_its_stdin_is_no_problem(tmp_path: Path) -> None:
    assert (await run("exit 0", tmp_path, stdin="x" * 1_000_000)).exit_code == 0


async def test_words_are_not_split_again(tmp_path: Path) -> None:
    assert (await run(["printf", "%s|", "a b", "$HOME", "*"], tmp_path)).stdout == "a b|$HOME|*|"


async def test_a_missing_command_is_127_and_a_missing_directory_an_error(tmp_path: Path) -> None:
    assert (await run(["no-such-command-here"], tmp_path)).exit_code == 127
    with pytest.raises(CannotWorkError, match="cannot start"):
        await run("true", tmp_path / "missing")


async def test_the_deadline_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    began = time.monotonic()
    result = await run("trap '' TERM; echo begun; while :; do sleep 0.05; done", tmp_path, 0.3)
    assert result.timed_out
    assert result.exit_code is None
    assert result.stdout == "begun\n"
    assert time.monotonic() - began < 5


async def test_sigterm_comes_first_so_that_a_child_can_tidy_up(tmp_path: Path) -> None:
    command = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.02; done"
    result = await run(command, tmp_path, 0.3, grace_seconds=5)
    assert result.timed_out
    assert "tidied" in result.stdout


async def test_children_of_the_child_die_at_the_deadline(tmp_path: Path) -> None:
    command = "(trap '' TERM; sleep 300 & echo $! > pid; wait) & wait"
    assert (await run(command, tmp_path, 0.5)).timed_out
    assert await is_dead_soon(int((tmp_path / "pid").read_text()))


async def test_what_a_child_leaves_behind_is_killed_and_holds_nothing_up(tmp_path: Path) -> None:
    began = time.monotonic()
    result = await run("sleep 300 & echo $!", tmp_path)
    assert result.exit_code == 0
    assert time.monotonic() - began < 5
    assert await is_dead_soon(int(result.stdout))


async def test_a_daemonised_grandchild_that_holds_the_pipes_does_not_hold_us(tmp_path: Path) -> None:
    code = """
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            print(os.getpid(), flush=True)
            time.sleep(60)
        time.sleep(0.2)
    """
    result = await run(python(code), tmp_path)
    escaped = int(result.stdout)
    os.kill(escaped, signal.SIGKILL)
    assert result.exit_code == 0


async def test_cancelling_kills_the_group(tmp_path: Path) -> None:
    call = asyncio.create_task(run("trap '' TERM; sleep 300 & echo $! > pid; wait", tmp_path))
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):  # noqa: ASYNC110  (another process writes it)
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await is_dead_soon(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("turns", range(6))
async def test_cancelling_while_it_starts_kills_the_group_too(tmp_path: Path, turns: int) -> None:
    call = asyncio.create_task(run("sleep 300 & echo $! > pid; wait", tmp_path))
    for _ in range(turns):
        await asyncio.sleep(0)
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 0.5
    while not pid.exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # the loop stands still: the child runs, and its start is not over
    call.cancel()
    await asyncio.wait({call}, timeout=5)
    assert call.cancelled()
    if pid.exists() and (text := pid.read_text()):
        assert await is_dead_soon(int(text))


async def test_fifty_megabytes_are_counted_and_dropped(tmp_path: Path) -> None:
    result = await run("head -c 50000000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero >&2", tmp_path)
    assert len(result.stdout) == 100_000
    assert len(result.stderr) == 100_000
    assert result.dropped_bytes == 50_000_000 - 100_000 + 100_000
    assert result.truncated


async def test_nuls_and_invalid_utf8_survive(tmp_path: Path) -> None:
    result = await run("printf 'a\\000b\\377c\\355\\240\\200'", tmp_path)
    assert result.stdout.startswith("a\0b\ufffdc\ufffd")
    assert result.stdout.encode("utf-8")


async def test_keys_of_the_daemon_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    result = await run("env", tmp_path, env=clean_env({"MINE": "1"}))
    assert "sk-secret" not in result.stdout
    assert "MINE=1" in result.stdout
    assert "PATH=" in result.stdout


async def test_a_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    result = await run(python("import os; print(os.getsid(0) == os.getpid() == os.getpgid(0))"), tmp_path)
    assert result.stdout == "True\n"


async def test_no_file_descriptor_is_leaked(tmp_path: Path) -> None:
    await run("true", tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        await run("true", tmp_path)
        await run("sleep 9", tmp_path, 0.01)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_the_whole_group_dies_with_us_even_by_kill_9(tmp_path: Path) -> None:
    code = """
        import asyncio, sys
        from scheduler.host.child import clean_env, run_child
        command = "trap '' TERM; sleep 300 & echo $! > inner; echo $$ > outer; wait"
        asyncio.run(run_child(command, cwd=sys.argv[1], env=clean_env(), timeout_seconds=300))
    """
    daemon = subprocess.Popen([*python(code), str(tmp_path)])
    try:
        pids = [tmp_path / "inner", tmp_path / "outer"]
        until = time.monotonic() + 20
        while not all(p.exists() and p.read_text().strip() for p in pids) and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        daemon.kill()
        daemon.wait()

    async def all_dead() -> bool:
        return all([await is_dead_soon(int(p.read_text())) for p in pids])

    assert asyncio.run(all_dead())
