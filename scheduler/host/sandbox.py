"""The sandbox: what a command sees, writes and reaches, as one value; and its way through bubblewrap.

The command sees the system read-only, and of everything else what its ``Sandbox`` names.  It gets namespaces
of its own (users, processes, network, mounts, IPC), no capabilities, and an empty home.  What it started dies
with it: its process 1 is bubblewrap's, and the kernel ends a namespace with its process 1.  No sandbox is
trusted that has not been seen to refuse: see ``sandbox_proof``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from scheduler.errors import CannotWorkError
from scheduler.host.cgroup import bounded
from scheduler.host.child import ChildResult, run_child

PROGRAM = "bwrap"
INSTALL = "install bubblewrap 0.8 or later (Debian: apt install bubblewrap)"

HOME = "/tmp/home"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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
_LIMITS = """
{{
  ulimit -c 0
  ulimit -d {data_kib}
  ulimit -f {file_blocks}
  ulimit -p {processes} || ulimit -u {processes}
}} 2> /dev/null
exec "$@"
"""

_NOT_PASSED_ON = ("ANTHROPIC_", "AGENTCRON_")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may take.

    Args:
        processes: with their threads, all together.
        memory_bytes: what one process may allocate; all together may hold half of the machine's memory.
        file_bytes: of one file.
        tmp_bytes: of all files below /tmp.
        shared_bytes: of shared memory.
    """

    processes: int = 512
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 1024**3
    tmp_bytes: int = 256 * 1024**2
    shared_bytes: int = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Bind:
    """A file, a folder or a unix socket that a command sees.

    Args:
        outside: its absolute path on this machine; what it links to is bound.
        inside: where it is in the sandbox, absolute; empty: at its real path.
    """

    outside: str
    inside: str = ""

    @property
    def source(self) -> str:
        """Its real path on this machine."""
        return os.path.realpath(self.outside)

    @property
    def target(self) -> str:
        """Its path in the sandbox."""
        return self.inside or self.source


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a command sees, writes and reaches; everything else of this machine is not there.

    Args:
        cwd: the folder in which it begins, as it is called inside.
        writable: folders that it can change.  An inner bind counts more than the one around it.
        readable: more that it can read, besides the system.
        sockets: unix sockets that it can connect to, without any network.
        network: whether it shares this machine's network, its local services included.
        env: its whole environment; see ``sandbox_env``.  Kept out of the command line, which all users see.
    """

    cwd: str
    writable: tuple[Bind, ...] = ()
    readable: tuple[Bind, ...] = ()
    sockets: tuple[Bind, ...] = ()
    network: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()

    @classmethod
    def of_workdir(
        cls, workdir: str | Path, *, network: bool = False, env: Mapping[str, str] = {}
    ) -> Sandbox:
        """Return the sandbox of a job's tools: its workdir, at its real path, is all that they can write."""
        work = Bind(os.fspath(workdir))
        return cls(work.target, writable=(work,), network=network, env=sandbox_env(env))


def find_program() -> str | None:
    """Return bubblewrap by its absolute path, or None."""
    entries = [entry for entry in os.get_exec_path() if os.path.isabs(entry)]
    return shutil.which(PROGRAM, path=os.pathsep.join(entries))


def sandboxed(program: str, sandbox: Sandbox, command: Sequence[str]) -> list[str]:
    """Return the command line that runs ``command`` in a sandbox.

    Args:
        program: bubblewrap.

    Raises:
        CannotWorkError: a bind would let it write to the system or to bubblewrap, hides the system, or is not
            what it is said to be.
    """
    for bind in sandbox.writable:
        _refuse_system(bind.source)
        if Path(os.path.realpath(program)).is_relative_to(bind.source):
            raise CannotWorkError(
                f"{program} lies in the working directory {bind.source}, where the agent can write"
            )
    _check(sandbox)
    limits = sandbox.limits
    words = [program, "--die-with-parent", "--unshare-all", "--unshare-user", "--disable-userns"]
    words += ["--new-session", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        words += ["--uid", "1000", "--gid", "1000"]
    if sandbox.network:
        words.append("--share-net")
    words += _system(sandbox.network)
    # Root owns the switches of /proc/sys and would write them without any capability.
    words += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    words += ["--size", str(limits.shared_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    words += ["--size", str(limits.tmp_bytes), "--tmpfs", "/tmp", "--dir", HOME]
    words += _binds(sandbox)
    words += ["--remount-ro", "/", "--chdir", sandbox.cwd]
    script = _LIMITS.format(
        data_kib=limits.memory_bytes // 1024,
        file_blocks=limits.file_bytes // 512,
        processes=limits.processes,
    )
    return [*words, "--", "/bin/sh", "-c", script, "sh", *command]


def _binds(sandbox: Sandbox) -> list[str]:
    """Return the binds, the outer ones first: a later one covers what it is in."""
    # A socket needs no right to write to the mount that it is in.
    kinds = (("--bind", sandbox.writable), ("--ro-bind", (*sandbox.readable, *sandbox.sockets)))
    binds = [(how, bind) for how, those in kinds for bind in those]
    binds.sort(key=lambda each: each[1].target.count("/"))
    return [word for how, bind in binds for word in (how, bind.source, bind.target)]


def _check(sandbox: Sandbox) -> None:
    """Refuse binds that are not what they are said to be.

    Raises:
        CannotWorkError: one is wrong.
    """
    binds = (*sandbox.writable, *sandbox.readable, *sandbox.sockets)
    for bind in binds:
        is_absolute = os.path.isabs(bind.outside) and os.path.isabs(bind.target)
        if not is_absolute or os.path.normpath(bind.target) != bind.target:
            raise CannotWorkError(f"{bind.outside} cannot be shown as {bind.target}: give absolute paths")
        if bind.inside:
            _refuse_system(bind.inside)
    for bind in sandbox.sockets:
        if not Path(bind.source).is_socket():
            raise CannotWorkError(f"{bind.outside} is no unix socket")
    targets = [bind.target for bind in binds]
    if twice := sorted({each for each in targets if targets.count(each) > 1}):
        raise CannotWorkError(f"{', '.join(twice)} is bound twice in one sandbox")


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


def _refuse_system(folder: str) -> None:
    inside = (*_SYSTEM, "/usr", "/etc", "/proc", "/sys", "/dev", "/run", "/boot")
    if folder in ("/", "/tmp", *inside) or folder.startswith(("/proc/", "/sys/", "/dev/")):
        raise CannotWorkError(
            f"the working directory {folder} belongs to the system", help="give the job a folder of its own"
        )


def sandbox_env(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment inside: nothing of the daemon's, and ``extra`` without what is the daemon's."""
    own = {name: value for name, value in extra.items() if not name.startswith(_NOT_PASSED_ON)}
    fixed = {"PATH": PATH, "HOME": HOME, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TERM": "dumb"}
    return fixed | own


async def run_sandboxed(
    program: str,
    sandbox: Sandbox,
    command: Sequence[str],
    *,
    timeout_seconds: float,
    stdin: str | bytes = b"",
) -> ChildResult:
    """Run a command in a sandbox, watched: it is killed when it takes too much of the machine.

    Raises:
        CannotWorkError: it could not be started.
    """
    watchers: list[asyncio.Task[str]] = []
    limits = sandbox.limits

    def watch(pid: int) -> None:
        watchers.append(asyncio.get_running_loop().create_task(_kill_glutton(pid, limits)))

    words = await asyncio.to_thread(sandboxed, program, sandbox, command)
    try:
        with bounded(words, processes=limits.processes) as bounded_words:
            result = await run_child(
                bounded_words,
                cwd="/",
                env=sandbox.env,
                stdin=stdin,
                timeout_seconds=timeout_seconds,
                grace_seconds=0,
                on_start=watch,
            )
    finally:
        for watcher in watchers:
            watcher.cancel()
    reasons = [watcher.result() for watcher in watchers if watcher.done() and not watcher.cancelled()]
    return replace(result, stderr=f"{result.stderr}[killed: {reasons[0]}]\n") if reasons else result


async def _kill_glutton(pid: int, limits: Limits) -> str:
    """Watch the sandbox whose outer process is ``pid``; kill it when it takes too much, and return what.

    The kernel bounds each process and their number, but not what they take together; and for root it bounds
    the number only where control groups can be made.
    """
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if reason := _too_much(pid, limits):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # not reaped yet: we are cancelled in the same breath
            return reason


def _too_much(pid: int, limits: Limits) -> str:
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
        if threads > limits.processes:
            return f"more than {limits.processes} processes and threads"
        if resident > max_bytes:
            return f"more than half of this machine's memory ({max_bytes >> 20:,} MiB)"
    return ""
