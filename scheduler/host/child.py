"""Run a child process with a deadline and capped output, in a process group that can be killed as a whole.

Every child is the leader of its own session and process group.  A watcher inside the group reads from a pipe
whose other end only this process holds: if we close it, or are killed by ``kill -9``, the
watcher kills the group.  PR_SET_PDEATHSIG would not affect the child's own children, exists only on Linux,
and needs code between fork and exec, which is unsafe in a process with threads.
A process that calls ``setsid`` itself escapes; only a sandbox prevents that.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from scheduler.core.text.capped import MAX_OUTPUT_BYTES
from scheduler.errors import CannotWorkError

GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""

_DRAIN_SECONDS = 0.5
"""How long output is still read after the child's own end, from helpers it has left behind."""

# $1 is the number of the pipe's reading end, the rest is the command.  The signals that we send to the
# group must not end the watcher, and an inherited stdout in it would keep the output open.
_LAUNCHER = """
pipe=$1; shift
( trap '' TERM INT HUP QUIT; read -r _ < "/dev/fd/$pipe"; kill -KILL 0 ) > /dev/null 2>&1 &
exec "$@"
"""

_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")


@dataclass(frozen=True, slots=True)
class ChildResult:
    """How a child ended, and its output.

    Args:
        exit_code: as in the shell (127: no such command; -9: killed by signal 9); None if it was
            killed at its deadline.
        stdout: the first ``output_bytes`` of it; bytes that are not UTF-8 became U+FFFD.
        dropped_bytes: how much more output there was, on both channels.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    dropped_bytes: int = 0

    @property
    def truncated(self) -> bool:
        """Whether output was dropped."""
        return self.dropped_bytes > 0


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child: a short list of our own variables, and ``extra``.

    Keys and tokens of the daemon are not passed on; the crontab line of a job lists what it needs.
    """
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(extra or {})


async def run_child(
    command: str | Sequence[str],
    *,
    cwd: str | Path,
    env: Mapping[str, str],
    stdin: str | bytes = b"",
    timeout_seconds: float,
    output_bytes: int = MAX_OUTPUT_BYTES,
    grace_seconds: float = GRACE_SECONDS,
    on_start: Callable[[int], None] | None = None,
) -> ChildResult:
    """Run ``command`` (a text for ``/bin/sh``, or the words of one program) to its end and return its output.

    When it ends, is cancelled, or passes its deadline, its whole process group is dead.

    Args:
        env: the whole environment of the child; see ``clean_env``.
        on_start: is called with the child's process id.

    Raises:
        CannotWorkError: the process could not be started.
    """
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    text = stdin.encode("utf-8", "replace") if isinstance(stdin, str) else stdin
    loop = asyncio.get_running_loop()
    read_end, write_end = os.pipe()
    try:
        launcher = ["/bin/sh", "-c", _LAUNCHER, "sh", str(read_end), *words]
        try:
            transport, collector = await _started(
                loop.subprocess_exec(
                    lambda: _Collector(output_bytes),
                    *launcher,
                    cwd=cwd,
                    env=dict(env),
                    pass_fds=(read_end,),
                    start_new_session=True,
                )
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotWorkError(f"cannot start {words[0]!r} in {os.fspath(cwd)!r}: {reason}") from error
        finally:
            os.close(read_end)
        try:
            if on_start:
                on_start(transport.get_pid())
            return await _attend(transport, collector, text, timeout_seconds, grace_seconds)
        finally:
            # Also if we are cancelled, and if we are cancelled again while ending the child gently.
            _signal_group(transport.get_pid(), signal.SIGKILL)
            transport.close()
    finally:
        os.close(write_end)


async def _started(
    start: Coroutine[Any, Any, tuple[asyncio.SubprocessTransport, _Collector]],
) -> tuple[asyncio.SubprocessTransport, _Collector]:
    """Wait for a start that must not be cancelled; a child that is no longer wanted then is killed.

    asyncio, when cancelled in there, kills only the one process and waits until its pipes are closed:
    processes that it had started meanwhile would survive, and we would wait for them.
    """
    starting = asyncio.ensure_future(start)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        while not starting.done():  # takes milliseconds
            with suppress(asyncio.CancelledError):
                await asyncio.wait({starting})
        if starting.exception() is None:
            transport, collector = starting.result()
            _signal_group(transport.get_pid(), signal.SIGKILL)
            try:
                await _within(GRACE_SECONDS, collector.exited)
            finally:
                transport.close()
        raise


async def _attend(
    transport: asyncio.SubprocessTransport,
    collector: _Collector,
    text: bytes,
    timeout_seconds: float,
    grace_seconds: float,
) -> ChildResult:
    timed_out = False
    try:
        _feed(transport, text)
        async with asyncio.timeout(timeout_seconds):
            await collector.exited.wait()
    except TimeoutError:
        timed_out = True
        await _end(transport, collector, grace_seconds)
    except asyncio.CancelledError:
        await _end(transport, collector, grace_seconds)
        raise
    if not await _within(_DRAIN_SECONDS, collector.silent):
        _signal_group(transport.get_pid(), signal.SIGKILL)
        await _within(_DRAIN_SECONDS, collector.silent)
    await _reap_orphans(transport.get_pid())
    return ChildResult(
        None if timed_out else transport.get_returncode(),
        collector.text(1),
        collector.text(2),
        timed_out,
        collector.dropped_bytes,
    )


def _feed(transport: asyncio.SubprocessTransport, text: bytes) -> None:
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
    if text:
        pipe.write(text)  # buffered by asyncio; a child that never reads only loses it
    pipe.close()


async def _end(transport: asyncio.SubprocessTransport, collector: _Collector, grace_seconds: float) -> None:
    """Ask the group to end with SIGTERM, and kill it if it does not."""
    _signal_group(transport.get_pid(), signal.SIGTERM)
    if not await _within(grace_seconds, collector.exited):
        _signal_group(transport.get_pid(), signal.SIGKILL)
        await collector.exited.wait()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _signal_group(group: int, number: signal.Signals) -> None:
    # The watcher is a member until we kill it, so the number cannot have been reused.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _reap_orphans(group: int) -> None:
    """As process 1 of a container we inherit the watcher and have to reap it."""
    if os.getpid() != 1:
        return
    _signal_group(group, signal.SIGKILL)
    for _ in range(20):
        try:
            os.waitpid(-group, os.WNOHANG)  # noqa: ASYNC222  (WNOHANG does not wait)
        except ChildProcessError:
            return
        await asyncio.sleep(0.01)


class _Collector(asyncio.SubprocessProtocol):
    """Keep the head of both outputs and count the rest."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept = {1: bytearray(), 2: bytearray()}
        self._open = {1, 2}
        self.dropped_bytes = 0
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        kept = self._kept[fd]
        room = self._limit_bytes - len(kept)
        raw = data.encode() if isinstance(data, str) else data
        kept += raw[:room]
        self.dropped_bytes += max(0, len(raw) - room)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's)
        self._open.discard(fd)
        if not self._open:
            self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()

    def text(self, fd: int) -> str:
        return self._kept[fd].decode("utf-8", "replace")
