"""A plug-in for tests: a tool source whose service is a child process that counts.

Each attempt has a process of its own, with a total that begins at 0.  While the source is ``down`` its
processes end at once, and while it is ``hanging`` they never say that they are ready.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scheduler import tool
from scheduler.core.job.job import Job
from scheduler.ports.tool import Args, ToolContext
from scheduler.ports.toolset import Toolbox

SERVICE = """
import sys
state, total = sys.argv[1], 0
if state == "down":
    sys.exit(1)
if state == "up":
    print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "add":
        total += int(number)
        print(total, flush=True)
"""
"""Ends when its input does, and so with its parent.  It never answers to ``hang``."""

ADD = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}


class Session:
    """One process that counts."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.is_hanging = False
        self._turn = asyncio.Lock()

    async def ask(self, line: str) -> str:
        """Send a line, and return the answer.

        Raises:
            EOFError: the process has ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        async with self._turn:
            self.process.stdin.write(f"{line}\n".encode())
            answer = await self.process.stdout.readline()
        if not answer:
            raise EOFError("the counter has ended")
        return answer.decode().strip()

    async def close(self) -> None:
        """End the process, and read what it has left, so that its pipes are closed."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


class CounterSource:
    """Gives `counter__add`, which keeps a total, and `counter__hang`, which never comes back."""

    name = "counter"

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.state = "up"

    def provides(self, job: Job) -> bool:  # noqa: ARG002
        """Any job can count."""
        return True

    @asynccontextmanager
    async def open(self, job: Job, run_id: str) -> AsyncIterator[Toolbox]:  # noqa: ARG002
        """Start a process, and wait until it is ready."""
        session = await self._start()
        try:
            assert session.process.stdout is not None
            if await session.process.stdout.readline() != b"ready\n":
                raise ConnectionError("the counter did not start")
            yield self.tools(session)
        finally:
            await self.close(session)

    async def close(self, session: Session) -> None:
        """End a session."""
        await session.close()
        self.sessions.remove(session)

    def tools(self, session: Session) -> Toolbox:
        """Return the tools of a session."""

        @tool(
            name="counter__add",
            description="Add a number to the total, and return it.",
            schema=ADD,
            effect="opaque",
            reads_private=False,
            reads_untrusted=False,
            external=False,
        )
        async def add(args: Args, context: ToolContext) -> str:
            return await session.ask(f"add {args['number']}")

        @tool(
            name="counter__hang",
            description="Never come back.",
            schema={"type": "object"},
            effect="opaque",
            reads_private=False,
            reads_untrusted=False,
            external=False,
        )
        async def hang(args: Args, context: ToolContext) -> str:
            session.is_hanging = True
            try:
                return await session.ask("hang")
            finally:
                session.is_hanging = False

        return {each.spec.name: each for each in (add, hang)}

    async def _start(self) -> Session:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", SERVICE, self.state),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        session = Session(process)
        self.sessions.append(session)
        return session


COUNTER = CounterSource()
