"""The fetch tool's limits: bodies without an end, drips, bombs; and whose certificate is believed."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from scheduler.core.text.capped import MAX_OUTPUT_BYTES
from scheduler.errors import ToolFault
from scheduler.ports.tool import ToolContext
from scheduler.tools.fetch import MAX_FILE_BYTES, Fetcher
from tests.kit.needs import lacking
from tests.kit.site import (
    GRANTED,
    HERE,
    Answer,
    answer,
    everything_is_here,
    granted,
    loopback_is_public,
    redirect,
    site,
)


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    workdir = tmp_path / "work"
    workdir.mkdir()
    return granted(str(workdir), *GRANTED)


async def forever(writer: asyncio.StreamWriter, piece: bytes = b"x" * 65536, pause: float = 0) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


async def test_an_endless_body_is_cut_or_refused(context: ToolContext) -> None:
    async with site({"/": forever}) as server:
        found = str(await HERE({"url": server.url()}, context))
        assert len(found) < MAX_OUTPUT_BYTES + 500
        assert found.endswith("[cut here: the first 100,000 bytes; save_as keeps the whole]")
        with pytest.raises(ToolFault, match=f"more than {MAX_FILE_BYTES:,} bytes; nothing was saved"):
            await HERE({"url": server.url(), "save_as": "big"}, context)
    assert not Path(context.workdir, "big").exists()


async def test_a_drip_ends_at_the_limit_for_everything_together(context: ToolContext) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        await forever(writer, b"x", 0.01)

    fetch = Fetcher(resolve=everything_is_here, may_reach=loopback_is_public, seconds=0.3)
    async with site({"/": drip}) as server:
        with pytest.raises(ToolFault, match=r"not done after 0\.3 s"):
            await fetch({"url": server.url()}, context)


async def test_a_gzip_bomb_unfolds_to_the_limit_and_no_further(context: ToolContext) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    pages: dict[str, Answer] = {
        "/bomb": answer(bomb, "Content-Encoding: gzip"),
        "/fine": answer(gzip.compress(b"small"), "Content-Encoding: gzip"),
        "/lie": answer(b"small", "Content-Encoding: gzip"),
        "/half": answer(gzip.compress(b"small")[:-9], "Content-Encoding: gzip"),
        "/br": answer(b"small", "Content-Encoding: br\x1b"),
    }
    async with site(pages) as server:
        assert "cut here: the first 100,000 bytes" in str(await HERE({"url": server.url("/bomb")}, context))
        with pytest.raises(ToolFault, match="nothing was saved"):
            await HERE({"url": server.url("/bomb"), "save_as": "bomb"}, context)
        assert str(await HERE({"url": server.url("/fine")}, context)).endswith("\nsmall")
        for path in ("/lie", "/half", "/br"):
            with pytest.raises(ToolFault):
                await HERE({"url": server.url(path)}, context)


# TLS


@pytest.mark.process
async def test_the_certificate_must_be_the_name_s_although_an_address_is_connected_to(
    context: ToolContext, tmp_path: Path
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if shutil.which("openssl") is None:
        lacking("openssl is not installed (Debian: apt-get install openssl)")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=page.test"
    names_of_it = ["-addext", "subjectAltName=DNS:page.test", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names_of_it], check=True, capture_output=True)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    names: list[str] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    fetch = Fetcher(
        resolve=everything_is_here,
        may_reach=loopback_is_public,
        trust=lambda: ssl.create_default_context(cafile=str(cert)),
    )
    async with site({"/": answer(b"safe"), "/down": redirect("http://page.test/")}, serving) as server:
        there = server.url().replace("http", "https")
        assert str(await fetch({"url": there}, context)).endswith("safe")
        assert names == ["page.test"]
        with pytest.raises(ToolFault, match=r"www\.page\.test.*certificate"):
            await fetch({"url": there.replace("page.test", "www.page.test")}, context)
        with pytest.raises(ToolFault, match="certificate"):
            await HERE({"url": there}, context)
        with pytest.raises(ToolFault, match="from https to http"):
            await fetch({"url": f"{there}down"}, context)
