"""The sandbox: a command in bubblewrap that sees the system read-only and writes one folder alone.

The command gets namespaces of its own (users, processes, network, mounts, IPC), no capabilities, and an empty
home.  What it started dies with it: its process 1 is bubblewrap's, and the kernel ends a namespace with its
process 1.  No sandbox is trusted that has not been seen to refuse: see ``sandbox_proof``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scheduler.errors import CannotWorkError
from scheduler.host.cgroup import bounded
from scheduler.host.child import ChildResult, run_child

PROGRAM = "bwrap"
INSTALL = "install bubblewrap 0.8 or later (Debian: apt install bubblewrap)"

HOME = "/tmp/home"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

MAX_PROCESSES = 512
MAX_MEMORY_BYTES = 2 * 1024**3
"""What one process may allocate; all together may hold half of the machine's memory."""
MAX_FILE_BYTES = 1024**3
_MAX_TMP_BYTES = 256 * 1024**2
_MAX_SHARED_BYTES = 64 * 1024**2

_LOOK_SECONDS = 0.05

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types",
    "passwd", "python3", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
_ETC_NETWORK = ("gai.conf", "hosts", "nsswitch.conf", "protocols", "resolv.conf", "services")

# Limits that are set inside count inside: the kernel counts processes by user *and* user namespace (since
# 5.14).  Data and not address space, because V8, Go and Java reserve far more than they ever use.
# dash and busybox say -p for processes, bash says -u.  A limit that is lower already stays.
_LIMITS = f"""
{{
  ulimit -c 0
  ulimit -d {MAX_MEMORY_BYTES // 1024}
  ulimit -f {MAX_FILE_BYTES // 512}
  ulimit -p {MAX_PROCESSES} || ulimit -u {MAX_PROCESSES}
}} 2> /dev/null
exec "$@"
"""

_NOT_PASSED_ON = ("ANTHROPIC_", "AGENTCRON_")


def find_program() -> str | None:
    """Return bubblewrap by its absolute path, or None."""
    entries = [entry for entry in os.get_exec_path() if os.path.isabs(entry)]
    return shutil.which(PROGRAM, path=os.pathsep.join(entries))


def sandboxed(
    program: str,
    command: Sequence[str],
    *,
    workdir: str | Path,
    network: bool = False,
    readable: Sequence[str] = (),
) -> list[str]:
    """Return the command line that runs ``command`` in a sandbox.

    Args:
        program: bubblewrap.
        workdir: the only folder that can be written; it stands inside where it stands outside.
        network: whether the command shares this machine's network, its local services included.
        readable: more folders that it can read.

    Raises:
        CannotWorkError: the workdir is a folder that must not be writable, or bubblewrap lies inside it.
    """
    work = os.path.realpath(workdir)
    _refuse_system(work)
    if Path(os.path.realpath(program)).is_relative_to(work):
        raise CannotWorkError(f"{program} lies in the working directory, where the agent can write")
    words = [program, "--die-with-parent", "--unshare-all", "--unshare-user", "--disable-userns"]
    words += ["--new-session", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        words += ["--uid", "1000", "--gid", "1000"]
    if network:
        words.append("--share-net")
    words += _system(network)
    for folder in readable:
        words += ["--ro-bind", folder, folder]
    # Root owns the switches of /proc/sys and would write them without any capability.
    words += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    words += ["--size", str(_MAX_SHARED_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    words += ["--size", str(_MAX_TMP_BYTES), "--tmpfs", "/tmp", "--dir", HOME]
    words += ["--bind", work, work, "--remount-ro", "/", "--chdir", work]
    return [*words, "--", "/bin/sh", "-c", _LIMITS, "sh", *command]


def _system(network: bool) -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        source = os.path.realpath(f"/etc/{name}")  # resolv.conf is often a link into /run
        if os.path.exists(source):
            words += ["--ro-bind", source, f"/etc/{name}"]
    return words


def _refuse_system(work: str) -> None:
    inside = (*_SYSTEM, "/usr", "/etc", "/proc", "/sys", "/dev", "/run", "/boot")
    if work in ("/", "/tmp", *inside) or work.startswith(("/proc/", "/sys/", "/dev/")):
        raise CannotWorkError(
            f"the working directory {work} belongs to the system", help="give the job a folder of its own"
        )


def sandbox_env(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment inside: nothing of the daemon's, and ``extra`` without what is the daemon's."""
    own = {name: value for name, value in extra.items() if not name.startswith(_NOT_PASSED_ON)}
    fixed = {"PATH": PATH, "HOME": HOME, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb"}
    return fixed | own


async def run_sandboxed(
    words: Sequence[str], *, env: Mapping[str, str], timeout_seconds: float, cwd: str | Path
) -> ChildResult:
    """Run what ``sandboxed`` returned, watched: it is killed when it takes too much of the machine.

    Raises:
        CannotWorkError: it could not be started.
    """
    watchers: list[asyncio.Task[str]] = []

    def watch(pid: int) -> None:
        watchers.append(asyncio.get_running_loop().create_task(_kill_glutton(pid)))

    try:
        with bounded(words, processes=MAX_PROCESSES) as command:
            result = await run_child(
                command, cwd=cwd, env=env, timeout_seconds=timeout_seconds, grace_seconds=0, on_start=watch
            )
    finally:
        for watcher in watchers:
            watcher.cancel()
    reasons = [watcher.result() for watcher in watchers if watcher.done() and not watcher.cancelled()]
    return replace(result, stderr=f"{result.stderr}[killed: {reasons[0]}]\n") if reasons else result


async def _kill_glutton(pid: int) -> str:
    """Watch the sandbox whose outer process is ``pid``; kill it when it takes too much, and return what.

    The kernel bounds each process and their number, but not what they take together; and for root it bounds
    the number only where control groups can be made.
    """
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if reason := _too_much(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # not reaped yet: we are cancelled in the same breath
            return reason


def _too_much(pid: int) -> str:
    """Return what the descendants of ``pid`` have too much of, or an empty text.

    Whatever loses its parent inside becomes a child of the sandbox's process 1, so all are descendants.
    """
    max_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    threads = resident = 0
    open_ends = [str(pid)]
    while open_ends:
        place = Path("/proc", open_ends.pop())
        with suppress(OSError):  # it has ended meanwhile
            tasks = os.listdir(place / "task")
            threads += len(tasks)
            resident += int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in tasks:
                open_ends += (place / "task" / task / "children").read_text().split()
        if threads > MAX_PROCESSES:
            return f"more than {MAX_PROCESSES} processes and threads"
        if resident > max_bytes:
            return f"more than half of this machine's memory ({max_bytes >> 20:,} MiB)"
    return ""
