"""A web site on 127.0.0.1 that says anything at all, and the one fetcher that can reach it.

``HERE`` resolves every name to 127.0.0.1 and believes it to be public; the tool ``FETCH`` itself does not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from scheduler.core.trust.addresses import IPAddress, may_reach
from scheduler.ports.tool import ToolContext
from scheduler.tools.fetch import Fetcher

LOOPBACK = ipaddress.ip_address("127.0.0.1")
GRANTED = ("page.test", "*.page.test")

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/plain; charset=utf-8"
) -> bytes:
    """Return a whole answer of a server."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    head += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*head, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {location}", status=status)


@dataclass
class Site:
    """What a server says by path, and what it was asked."""

    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/", host: str = "page.test") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(request)
            page = self.pages[request.split()[1].decode()]
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client had enough
        finally:
            writer.close()


@asynccontextmanager
async def site(
    pages: dict[str, Answer], tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[Site]:
    made = Site(pages)
    server = await asyncio.start_server(made.serve, host, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


async def everything_is_here(host: str, port: int) -> Sequence[IPAddress]:
    return (LOOPBACK,)


def loopback_is_public(address: IPAddress) -> bool:
    return address == LOOPBACK or may_reach(address)


HERE = Fetcher(resolve=everything_is_here, may_reach=loopback_is_public)


def granted(workdir: str, *hosts: str) -> ToolContext:
    """Return where a call runs that may reach these hosts."""
    return ToolContext(run_id="r", job="j", workdir=workdir, key="k", env={}, hosts=hosts)
