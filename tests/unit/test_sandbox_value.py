"""A sandbox as a value: the command line that it becomes, and the binds that are refused."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.errors import CannotWorkError
from scheduler.host.sandbox import Bind, Limits, Sandbox, sandbox_env, sandboxed

PROGRAM = "/usr/bin/bwrap"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def place_of(words: Sequence[str], *wanted: str) -> int:
    """Return where words are in a command line, one after the other."""
    places = [
        number for number in range(len(words)) if list(words[number : number + len(wanted)]) == list(wanted)
    ]
    assert len(places) == 1, (wanted, words)
    return places[0]


def test_the_sandbox_of_a_workdir_shows_it_at_its_real_path(work: Path) -> None:
    link = work.parent / "link"
    link.symlink_to(work)
    words = sandboxed(PROGRAM, Sandbox.of_workdir(link), ["ls", "-l"])
    assert words[0] == PROGRAM
    bound = place_of(words, "--bind", str(work), str(work))
    # After the folder for temporary files, which would cover it, and before everything is sealed.
    assert place_of(words, "--tmpfs", "/tmp") < bound < place_of(words, "--remount-ro", "/")
    assert place_of(words, "--chdir", str(work)) < place_of(words, "--", "/bin/sh", "-c")
    assert words[-2:] == ["ls", "-l"]
    assert words.count("--bind") == 1


def test_everything_is_unshared_and_the_network_only_when_it_is_granted(work: Path) -> None:
    words = sandboxed(PROGRAM, Sandbox.of_workdir(work), ["true"])
    assert {"--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"} <= set(words)
    place_of(words, "--cap-drop", "ALL")
    assert "--share-net" not in words
    assert "--share-net" in sandboxed(PROGRAM, Sandbox.of_workdir(work, network=True), ["true"])


def test_a_sandbox_may_begin_in_another_folder_and_show_more(work: Path) -> None:
    config = work.parent / "config"
    config.mkdir()
    with socket.socket(socket.AF_UNIX) as gate:
        gate.bind(str(work.parent / "gate"))
        sandbox = Sandbox(
            "/work",
            writable=(Bind(str(work), "/work"), Bind(str(config), "/cfg")),
            readable=(Bind("/opt", "/opt/agent"),),
            sockets=(Bind(str(work.parent / "gate"), "/run/gate"),),
            env={"HOME": "/cfg"},
        )
        words = sandboxed(PROGRAM, sandbox, ["agent"])
    place_of(words, "--bind", str(work), "/work")
    place_of(words, "--bind", str(config), "/cfg")
    place_of(words, "--ro-bind", "/opt", "/opt/agent")
    place_of(words, "--ro-bind", str(work.parent / "gate"), "/run/gate")
    place_of(words, "--chdir", "/work")
    # The command line of a process is seen by every user of the machine.
    assert not any("HOME" in word for word in words)


def test_an_inner_bind_comes_after_the_one_around_it(work: Path) -> None:
    inner = work / "lent"
    inner.mkdir()
    around = replace(Sandbox.of_workdir(work), readable=(Bind(str(inner)),))
    words = sandboxed(PROGRAM, around, ["true"])
    assert place_of(words, "--bind", str(work), str(work)) < place_of(
        words, "--ro-bind", str(inner), str(inner)
    )
    within = Sandbox(str(inner), writable=(Bind(str(inner)),), readable=(Bind(str(work)),))
    words = sandboxed(PROGRAM, within, ["true"])
    assert place_of(words, "--ro-bind", str(work), str(work)) < place_of(
        words, "--bind", str(inner), str(inner)
    )


def test_limits_are_set_in_the_units_of_the_shell_and_of_bubblewrap(work: Path) -> None:
    limits = Limits(processes=7, memory_bytes=4096, file_bytes=1024, tmp_bytes=11, shared_bytes=13)
    words = sandboxed(PROGRAM, replace(Sandbox.of_workdir(work), limits=limits), ["true"])
    place_of(words, "--size", "11", "--tmpfs", "/tmp")
    place_of(words, "--size", "13", "--tmpfs", "/dev/shm")
    script = words[place_of(words, "--", "/bin/sh", "-c") + 3]
    assert "ulimit -d 4\n" in script
    assert "ulimit -f 2\n" in script
    assert "ulimit -p 7 || ulimit -u 7\n" in script


@pytest.mark.parametrize(
    ("sandbox", "why"),
    [
        (Sandbox("/", writable=(Bind("/etc"),)), "belongs to the system"),
        (Sandbox("/", writable=(Bind("/usr/bin/.."),)), "belongs to the system"),
        (Sandbox("/", writable=(Bind("/usr/bin"),)), "lies in the working directory /usr/bin"),
        (Sandbox("/", readable=(Bind("/opt", "/usr"),)), "belongs to the system"),
        (Sandbox("/", readable=(Bind("/opt", "/proc/self"),)), "belongs to the system"),
        (Sandbox("/", readable=(Bind("/opt", "opt"),)), "cannot be shown as opt"),
        (Sandbox("/", readable=(Bind("/opt", "/a/../usr"),)), "cannot be shown as"),
        (Sandbox("/", readable=(Bind("opt"),)), "absolute paths"),
        (Sandbox("/", sockets=(Bind("/etc/passwd"),)), "is no unix socket"),
        (Sandbox("/", sockets=(Bind("/not/there"),)), "is no unix socket"),
        (Sandbox("/", readable=(Bind("/opt", "/x"), Bind("/srv", "/x"))), "/x is bound twice"),
    ],
)
def test_a_wrong_bind_is_refused(sandbox: Sandbox, why: str) -> None:
    with pytest.raises(CannotWorkError, match=why):
        sandboxed(PROGRAM, sandbox, ["true"])


def test_the_environment_of_a_job_loses_what_is_the_daemons() -> None:
    env = sandbox_env({"CITY": "Ulm", "ANTHROPIC_API_KEY": "k", "AGENTCRON_HOME": "/h", "HOME": "/work"})
    assert env == sandbox_env({}) | {"CITY": "Ulm", "HOME": "/work"}
