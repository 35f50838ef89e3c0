"""What a command tries in the sandbox and does not get done, for root and for an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scheduler.host.sandbox import Limits
from tests.kit.needs import lacking
from tests.kit.processes import ROOT, until

pytestmark = pytest.mark.process

NOBODY = 65534


@dataclass(frozen=True)
class Keeper:
    """Somebody who runs commands in the sandbox; ``mark`` makes the processes of one test known."""

    python: str
    prefix: tuple[str, ...]
    code: Path
    work: Path
    mark: str

    def start(self, command: list[str], timeout_seconds: float = 20, **more: Any) -> subprocess.Popen[str]:
        """Start a command; it goes on while the test does something."""
        given = {"command": command, "workdir": str(self.work), "timeout_seconds": timeout_seconds}
        given = {**given, "readable": [], "sockets": [], "env": {}, **more}
        return subprocess.Popen(
            [*self.prefix, self.python, "-m", "tests.kit.in_sandbox", json.dumps(given)],
            cwd=self.code,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(self.code), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str | list[str], timeout_seconds: float = 20, **more: Any) -> dict[str, Any]:
        """Run a command (a text is for the shell) to its end."""
        words = ["/bin/bash", "-c", command] if isinstance(command, str) else command
        with self.start(words, timeout_seconds, **more) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        answer: dict[str, Any] = json.loads(out)
        return answer

    def run_python(self, code: str, *argv: str, **more: Any) -> dict[str, Any]:
        """Run a program in Python."""
        return self.run([self.python, "-I", "-S", "-c", code, *argv], **more)

    def captives(self) -> list[int]:
        """Return the living processes, of this whole machine, that carry our mark."""
        found = []
        for name in filter(str.isdecimal, os.listdir("/proc")):
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"sleep") and self.mark.encode() in words:
                found.append(int(name))
        return found


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="agentcron-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["root", "ordinary"])
def keeper(request: pytest.FixtureRequest, place: Path) -> Keeper:
    """The same commands, kept by root and by an ordinary user."""
    if shutil.which("bwrap") is None:
        lacking("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    work = place / "work"
    work.mkdir()
    mark = f"{90_000_000 + int.from_bytes(os.urandom(3), 'big')}"
    am_root = os.getuid() == 0
    real = os.path.realpath(sys.executable)
    if am_root == (request.param == "root"):
        return Keeper(real, (), ROOT, work, mark)
    if not am_root:
        lacking("only root can be root")
    if shutil.which("setpriv") is None:
        lacking("setpriv is not installed (Debian: apt-get install util-linux)")
    ids = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps=-all")
    prefix = ("setpriv", *ids, "--")
    os.chown(work, NOBODY, NOBODY)
    for name in ("scheduler", "tests/kit"):  # our own checkout may lie where only root can look
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for python in (real, "/usr/bin/python3", "/usr/local/bin/python3"):
        # Through a shell: setpriv itself could still enter root's home.
        words = ["sh", "-c", f"{python} -I -c 'import sys, json; sys.exit(sys.version_info < (3, 11))'"]
        if subprocess.run([*prefix, *words], capture_output=True, check=False).returncode == 0:
            return Keeper(os.path.realpath(python), prefix, place, work, mark)
    lacking("no Python 3.11 that an ordinary user can run")
    raise AssertionError("unreachable")


PROBES = """
import ctypes, errno, json, os, signal, socket, sys
given = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
def create(path):
    open(path, "x").close()
    os.unlink(path)
def rewrite(path):
    with open(path) as file:
        old = file.read()
    with open(path, "w") as file:
        file.write(old)
def connect(family, kind, address):
    with socket.socket(family, kind) as tried:
        tried.settimeout(2)
        tried.connect(address)
        tried.send(b"x")
MS_REMOUNT, MS_BIND, PTRACE_ATTACH = 32, 4096, 16
acts = {
    "write /": lambda: create("/x"),
    "write /usr": lambda: create("/usr/x"),
    "write /etc": lambda: create("/etc/x"),
    "write /dev": lambda: create("/dev/x"),
    "kernel settings": lambda: rewrite("/proc/sys/kernel/core_pattern"),
    "read the home": lambda: open(given["home"] + "/crontab").close(),
    "climb out": lambda: open("../crontab").close(),
    "process 1's root": lambda: open("/proc/1/root" + given["home"] + "/crontab").close(),
    "tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, tuple(given["tcp"])),
    "tcp out": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
    "udp out": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
    "unix socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, given["unix"]),
    "abstract socket": lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, chr(0) + given["abstract"]),
    "remount /usr": lambda: checked(libc.mount(None, b"/usr", None, MS_REMOUNT | MS_BIND, None)),
    "remount /proc": lambda: checked(libc.mount(None, b"/proc", None, MS_REMOUNT | MS_BIND, None)),
    "unshare": lambda: checked(libc.unshare(0x10000000)),
    "become root": lambda: os.setuid(0),
    "chroot": lambda: os.chroot("/usr"),
    "make a device": lambda: os.mknod("device", 0o60600, os.makedev(8, 0)),
    "trace the daemon": lambda: checked(libc.ptrace(PTRACE_ATTACH, given["daemon"], 0, 0)),
    "kill the daemon": lambda: os.kill(given["daemon"], signal.SIGKILL),
}
done = {}
for name, act in acts.items():
    try:
        act()
        done[name] = "DONE"
    except OSError as error:
        done[name] = errno.errorcode.get(error.errno, str(error))
open("mine", "w").write("allowed")
open("/tmp/x", "w").write("into a folder that ends with the call")
print(json.dumps({"done": done, "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdecimal()),
    "home": os.listdir(os.environ["HOME"]), "env": sorted(os.environ), "uid": os.getuid()}))
"""


def test_nothing_forbidden_happens(keeper: Keeper) -> None:
    home = keeper.work.parent
    (home / "crontab").write_text("secret")
    (home / "crontab").chmod(0o644)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        unix.bind(str(home / "socket"))
        (home / "socket").chmod(0o777)
        abstract.bind(f"\0{home}")
        unix.listen()
        abstract.listen()
        given = {
            "home": str(home), "tcp": tcp.getsockname(), "unix": str(home / "socket"),
            "abstract": str(home), "daemon": os.getpid(),
        }  # fmt: skip
        answer = keeper.run_python(PROBES, json.dumps(given))
    assert answer["exit_code"] == 0, answer
    seen = json.loads(answer["out"])
    assert [name for name, how in seen["done"].items() if how == "DONE"] == []
    assert seen["done"]["kernel settings"] in ("EROFS", "EACCES")
    assert seen["done"]["kill the daemon"] == "ESRCH"
    assert len(seen["processes"]) <= 3, "it sees its own processes alone"
    assert seen["home"] == []
    assert set(seen["env"]) <= {
        "HOME",
        "LANG",
        "LC_CTYPE",
        "OLDPWD",
        "PATH",
        "PWD",
        "SHLVL",
        "TERM",
        "TMPDIR",
        "_",
    }
    assert seen["uid"] != 0
    assert (keeper.work / "mine").read_text() == "allowed"
    assert keeper.run("ls -A /tmp")["out"].split() == sorted([home.name, "home"])


GUEST = """
import os, socket
with socket.socket(socket.AF_UNIX) as gate:
    gate.connect(os.environ["GATE"])
    gate.sendall(open("/lent/note").read().encode())
    print(gate.recv(100).decode())
for name, act in {
    "write to what is lent": lambda: open("/lent/note", "a"),
    "add to what is lent": lambda: open("/lent/other", "x"),
    "remove the socket": lambda: os.unlink(os.environ["GATE"]),
    "see what is next to the socket": lambda: open(os.path.dirname(os.environ["GATE"]) + "/key"),
}.items():
    try:
        act()
        print("DONE", name)
    except OSError:
        pass
"""


def test_what_is_lent_can_be_read_and_a_bound_socket_reached_and_no_more(keeper: Keeper) -> None:
    outside = keeper.work.parent / "outside"
    (outside / "lent").mkdir(parents=True)
    (outside / "lent/note").write_text("hello")
    (outside / "key").write_text("secret")
    with socket.socket(socket.AF_UNIX) as gate:
        gate.bind(str(outside / "gate"))
        for path in (outside, outside / "lent", outside / "lent/note", outside / "key", outside / "gate"):
            path.chmod(0o777)
        gate.listen()
        gate.settimeout(20)
        heard: list[bytes] = []

        def serve() -> None:
            guest, _ = gate.accept()
            with guest:
                heard.append(guest.recv(100))
                guest.sendall(b"welcome")

        server = threading.Thread(target=serve)
        server.start()
        answer = keeper.run_python(
            GUEST,
            readable=[[str(outside / "lent"), "/lent"]],
            sockets=[[str(outside / "gate"), "/run/gate"]],
            env={"GATE": "/run/gate"},
        )
        server.join(20)
    assert (answer["exit_code"], answer["out"]) == (0, "welcome\n"), answer
    assert heard == [b"hello"]
    assert (outside / "gate").is_socket()


def test_a_fork_bomb_is_contained_and_leaves_nothing(keeper: Keeper) -> None:
    bomb = f"b() {{ sleep {keeper.mark} & b | b & }}; b; sleep {keeper.mark}"
    began = time.monotonic()
    answer = keeper.run(bomb, timeout_seconds=1.5)
    assert time.monotonic() - began < 15
    # The kernel lets it stand still at its limit, and our own watch kills it there.
    assert answer["timed_out"] or "[killed: more than 512 processes and threads]" in answer["err"]
    until(lambda: not keeper.captives(), 10)


def test_what_leaves_its_session_dies_with_the_call(keeper: Keeper) -> None:
    escape = f"(setsid setsid nohup sleep {keeper.mark} > /dev/null 2>&1 < /dev/null &); sleep 0.2; echo left"
    answer = keeper.run(escape)
    assert (answer["exit_code"], answer["out"]) == (0, "left\n")
    until(lambda: not keeper.captives(), 10)


def test_the_deadline_kills_everything(keeper: Keeper) -> None:
    answer = keeper.run(f"trap '' TERM; setsid sleep {keeper.mark} & sleep {keeper.mark}; wait", 0.5)
    assert answer["timed_out"]
    until(lambda: not keeper.captives(), 10)


def test_a_daemon_that_is_killed_takes_everything_along(keeper: Keeper) -> None:
    with keeper.start(["/bin/sh", "-c", f"setsid sleep {keeper.mark} & sleep {keeper.mark}"]) as daemon:
        until(lambda: len(keeper.captives()) == 2, 20)
        os.kill(daemon.pid, signal.SIGKILL)
        until(lambda: not keeper.captives(), 10)


def test_two_gigabytes_of_output_cost_no_memory(keeper: Keeper) -> None:
    answer = keeper.run("head -c 2G /dev/zero", timeout_seconds=60)
    assert answer["exit_code"] == 0
    assert len(answer["out"]) + answer["dropped_bytes"] == 2 * 1024**3
    assert answer["peak_kib"] < 200 * 1024


def test_memory_files_and_shared_memory_are_bounded(keeper: Keeper) -> None:
    hungry = keeper.run_python(f"bytearray({Limits().memory_bytes} + 1)")
    assert "MemoryError" in hungry["err"]
    big = keeper.run(f"trap '' XFSZ; truncate -s {Limits().file_bytes + 512} big")
    assert "File too large" in big["err"]
    sizes = keeper.run("df --output=size -k /tmp /dev/shm | tail -n +2")
    assert [int(line) for line in sizes["out"].split()] == [256 * 1024, 64 * 1024]
