"""The shell tool: what it answers, what it sees, and that it is off where no sandbox holds."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from scheduler.core.run.run import State
from scheduler.errors import CannotWorkError, ToolFault
from scheduler.host import cgroup, sandbox_proof
from scheduler.ports.tool import ToolContext
from scheduler.tools.shell import SHELL
from tests.kit.models import call, finish
from tests.kit.needs import lacking
from tests.kit.stage import stage

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def bwrap() -> str:
    """Bubblewrap, without which there is nothing to test."""
    found = shutil.which("bwrap")
    if found is None:
        lacking("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    assert found is not None
    return found


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


async def shell(
    work: Path,
    command: str,
    *,
    network: bool = False,
    env: Mapping[str, str] = {},
    seconds: int = 20,
) -> str:
    context = ToolContext(run_id="r", job="j", workdir=str(work), key="k", env=env, network=network)
    answer = await SHELL.call({"command": command, "timeout_seconds": seconds}, context)
    assert isinstance(answer, str)
    return answer


async def test_a_command_answers_with_both_outputs_and_its_status(work: Path) -> None:
    assert await shell(work, "echo out; echo err >&2; exit 3") == "out\nerr\n[exit status 3]"
    assert await shell(work, "true") == "[no output]"
    assert await shell(work, "pwd; echo kept > file") == f"{work.resolve()}\n"
    assert (work / "file").read_text() == "kept\n"


async def test_a_command_that_takes_too_long_is_a_fault_that_shows_what_it_said(work: Path) -> None:
    with pytest.raises(ToolFault, match=r"begun\n\[killed after 1 s, with everything it had started\]"):
        await shell(work, "echo begun; sleep 60", seconds=1)


async def test_long_output_is_cut(work: Path) -> None:
    answer = await shell(work, "head -c 1000000 /dev/zero | tr '\\0' x")
    assert len(answer) < 101_000
    assert "more bytes were not kept]" in answer


async def test_the_environment_is_the_jobs_and_not_the_daemons(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-key")
    monkeypatch.setenv("SOMETHING", "of the daemon")
    seen = await shell(work, "env", env={"CITY": "Ulm", "ANTHROPIC_API_KEY": "the-key"})
    assert "CITY=Ulm\n" in seen
    assert "the-key" not in seen
    assert "SOMETHING" not in seen
    assert "HOME=/tmp/home\n" in seen


async def test_the_network_is_there_when_it_was_granted(work: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        knock = f"exec 3<> /dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo open"
        assert "Connection refused" in await shell(work, knock)
        assert await shell(work, knock, network=True) == "open\n"


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc", "/tmp", "/proc/sys", "/dev/shm"])
async def test_a_folder_of_the_system_is_no_workdir(folder: str) -> None:
    with pytest.raises(ToolFault, match="belongs to the system"):
        await shell(Path(folder), "true")


async def test_without_bubblewrap_the_tool_is_off(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await shell(work, "true")
    monkeypatch.setenv("PATH", str(work))
    with pytest.raises(ToolFault, match="bubblewrap is not installed") as caught:
        await shell(work, "touch should-not-be")
    assert "apt install bubblewrap" in caught.value.help
    assert not (work / "should-not-be").exists()


@pytest.mark.parametrize("act", ["connect by TCP", "read a file outside"])
async def test_a_sandbox_that_leaks_is_not_used(
    act: str, bwrap: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bubblewrap that opens one more door than it was asked to."""
    opened = {"connect by TCP": "--share-net", "read a file outside": f"--ro-bind {tmp_path} {tmp_path}"}
    place = tmp_path / "bin"
    place.mkdir()
    leaky = place / "bwrap"
    leaky.write_text(
        '#!/bin/bash\nargs=()\nfor word; do [ "$word" = -- ] && args+=('
        f'{opened[act]}); args+=("$word"); done\nexec {bwrap} "${{args[@]}}"\n'
    )
    leaky.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ToolFault, match=f"the sandbox is not safe; a command in it could.*{act}"):
        await shell(work, "touch should-not-be")
    assert not (work / "should-not-be").exists()


async def test_a_bubblewrap_that_cannot_work_here_says_so(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ToolFault, match="does not start: bwrap: No permissions") as caught:
        await shell(work, "true")
    assert "user namespaces" in caught.value.help


async def test_a_bubblewrap_in_the_workdir_is_not_run(
    work: Path, bwrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(bwrap, work / "bwrap")
    monkeypatch.setenv("PATH", f"{work}:/usr/bin:/bin")
    with pytest.raises(ToolFault, match="is in the working directory"):
        await shell(work, "true")


@pytest.mark.skipif(os.getuid() != 0, reason="ordinary users need no control group")
async def test_root_without_a_bound_on_processes_gets_no_shell(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "ROOM", tmp_path)
    with pytest.raises(CannotWorkError, match="cannot be counted"):
        sandbox_proof.proven_program()
    with pytest.raises(ToolFault, match="cannot be counted"):
        await shell(work, "true")


async def test_an_agent_works_with_it(tmp_path: Path) -> None:
    command = {"command": "echo 6 > six; cat six six"}
    async with stage(tmp_path / "home", call(("shell", command)), finish("done"), options="tools=shell") as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert s.results(run.id)["shell"]["content"] == "6\n6\n"
