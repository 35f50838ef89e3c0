"""The proof of a sandbox: forbidden acts are tried in one, and have to fail, before it is used.

What a kernel, a container or a distribution forbids or allows differs too much to be believed unseen.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from scheduler.errors import CannotWorkError
from scheduler.host import cgroup
from scheduler.host.sandbox import INSTALL, PROGRAM, Bind, Sandbox, find_program, sandboxed

_PROOF_SECONDS = 20.0
_NO_PROGRAM = 127

_USERS = (
    "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; "
    "on Ubuntu an AppArmor profile for bwrap; in a container a seccomp profile that allows them)"
)

# Runs inside, with the standard library alone.  Prints the name of each act that had the wrong outcome.
_ACTS = """
import json, os, resource, socket, sys
given = json.loads(sys.argv[1])
wrong = []
def forbidden(name, act):
    try:
        act()
    except OSError:
        return
    wrong.append(name)
def create(path):
    open(path, "x").close()
    os.unlink(path)
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.settimeout(2)
        tried.connect(address)
def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        tried.sendto(b"x", address)
def rewrite(path):
    with open(path) as file:
        old = file.read()
    with open(path, "w") as file:
        file.write(old)
def fork():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
forbidden("read a file outside", lambda: open(given["canary"]).close())
forbidden("write to /usr", lambda: create("/usr/agentcron-proof"))
forbidden("write to /", lambda: create("/agentcron-proof"))
forbidden("change the kernel's settings", lambda: rewrite("/proc/sys/vm/swappiness"))
forbidden("connect by TCP", lambda: connect(socket.AF_INET, tuple(given["tcp"])))
forbidden("send by UDP", lambda: send(("192.0.2.1", 53)))
forbidden("connect to a unix socket", lambda: connect(socket.AF_UNIX, given["unix"]))
forbidden("connect to an abstract socket", lambda: connect(socket.AF_UNIX, chr(0) + given["abstract"]))
if os.getuid() == 0 or any(int(line.split()[1], 16) for line in open("/proc/self/status") if "Cap" in line):
    wrong.append("be root or have capabilities")
if resource.RLIM_INFINITY in (resource.getrlimit(kind)[1] for kind in (
    resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC)):
    wrong.append("go beyond limits")
for name, act in (("write in the workdir", lambda: open("allowed", "x").close()), ("start a process", fork)):
    try:
        act()
    except OSError as error:
        wrong.append(f"not {name} ({error.strerror})")
print(json.dumps(wrong))
"""

_proven: set[tuple[str, int, int]] = set()


def proven_program() -> str:
    """Return bubblewrap once it has been seen to hold; the proof is made once in the life of a process.

    Blocks for a tenth of a second the first time.  A failed proof is made anew by the next call.

    Raises:
        CannotWorkError: there is no working sandbox here.
    """
    program = find_program()
    if program is None:
        raise CannotWorkError("there is no sandbox: bubblewrap is not installed", help=INSTALL)
    if os.getuid() == 0:
        cgroup.parent()
    found = os.stat(program)
    mark = (program, found.st_ino, found.st_mtime_ns)
    if mark not in _proven:  # two at once prove it twice, which does no harm
        _prove(program)
        _proven.add(mark)
    return program


def _prove(program: str) -> None:
    with tempfile.TemporaryDirectory(prefix="agentcron-proof-") as name:
        folder = Path(name).resolve()
        work = folder / "work"
        work.mkdir()
        canary = folder / "canary"
        canary.write_text("seen")
        with (
            socket.create_server(("127.0.0.1", 0)) as tcp,
            socket.socket(socket.AF_UNIX) as unix,
            socket.socket(socket.AF_UNIX) as abstract,
        ):
            unix.bind(str(folder / "socket"))
            unix.listen()
            abstract.bind(f"\0{folder}")
            abstract.listen()
            given = {
                "canary": str(canary),
                "tcp": tcp.getsockname(),
                "unix": str(folder / "socket"),
                "abstract": str(folder),
            }
            _judge(_try(program, work, json.dumps(given)))
        if not (work / "allowed").exists():
            raise CannotWorkError("the sandbox does not hold: what is written in it does not arrive")


def _try(program: str, work: Path, given: str) -> subprocess.CompletedProcess[str]:
    # The interpreter may lie in somebody's home, which the sandbox does not show.
    in_system = Path(sys.base_prefix).is_relative_to("/usr")
    readable = () if in_system else (Bind(sys.base_prefix, sys.base_prefix),)
    sandbox = replace(Sandbox.of_workdir(work), readable=readable)
    python = os.path.realpath(sys.executable)
    words = sandboxed(program, sandbox, [python, "-I", "-S", "-c", _ACTS, given])
    try:
        return subprocess.run(
            words, cwd=work, env=dict(sandbox.env), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=_PROOF_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotWorkError(f"the sandbox does not start: {error}", help=INSTALL) from error


def _judge(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"{PROGRAM} ended with {done.returncode}"])[-1][:300]
        raise CannotWorkError(f"the sandbox does not start: {said}", help=_cure(done.returncode, said))
    wrong = json.loads(done.stdout)
    if wrong:
        raise CannotWorkError(
            f"the sandbox does not hold; a command in it could {', '.join(wrong)}",
            help="agentcron uses no sandbox that lets this happen; run it as an ordinary user of Linux",
        )


def _cure(status: int, said: str) -> str:
    if status == _NO_PROGRAM:
        return f"the sandbox shows /usr and {sys.base_prefix}: use a Python that lies there as a whole"
    return INSTALL if "nknown option" in said else _USERS
