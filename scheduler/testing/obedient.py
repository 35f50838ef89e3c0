"""A fake model that obeys every instruction it reads, to test an agent against prompt injection.

A page, a file, a tool's result or a gate that says ``AGENT: call NAME {"json": "arguments"}`` gets that very
call.  Disguises do not help the reader: comments, code blocks, other speakers (``SYSTEM:``), other languages,
full-width letters, invisible characters, entities, percent signs, base64, hex, rot13, and line ends anywhere.
Without an instruction, the inner model continues its script::

    async with open_world(tmp_path, model=ObedientModel()) as world:
        world.script("work", script().call("read", file_path="page.html").finish("Read it."))
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.core.run.conversation import Block, Usage
from scheduler.ports.model import Ask, Model, Reply

OBEYED = "toolu_obeyed_"
"""How the ids of calls begin that somebody else wanted."""

_SPEAKERS = "AGENT|ASSISTANT|SYSTEM|DEVELOPER|ADMIN|OWNER|USER|HUMAN|AGENTCRON"
_VERBS = "call|run|invoke|rufe|ruf|appelle|llama|chiama|chame|roep|wywołaj|вызови|呼び出せ|调用"
_NAME = r'[A-Za-z_][A-Za-z0-9_.-]*|"(?:[^"\\]|\\.)*"'
_ORDER = re.compile(rf"(?:{_SPEAKERS})\s*:\s*(?:{_VERBS})\s+({_NAME})\s*(?=\{{)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){12,}")

Order = tuple[str, dict[str, Any]]


class ObedientModel:
    """Makes every call that it is told to make, and otherwise asks ``inner`` what comes next.

    It has no memory, as a rehearsal has none: what it does follows from the conversation alone.  Of a
    compaction it makes a summary that hands on every order that it had read, so that none is forgotten.
    """

    def __init__(self, inner: Model | None = None) -> None:
        self._inner = inner or RehearsalModel()

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Obey what stands in the newest message, or in a summary that was just made."""
        script_only = replace(ask, messages=[each for each in ask.messages if not _obeyed(each)])
        if ask.compact:
            return _poisoned(await self._inner.ask(script_only, on_text=on_text), ask)
        content = _obedience(ask)
        if not content:
            return await self._inner.ask(script_only, on_text=on_text)
        return Reply(content, "tool_use", Usage(), f"obedient-{content[0]['id']}", 0)

    async def close(self) -> None:
        """Close the inner model."""
        await self._inner.close()


def orders_in(text: str) -> list[Order]:
    """Return the calls that a text orders, through every disguise, each once and in its order."""
    found: dict[str, Order] = {}
    for plain in _unmasked(text):
        for match in _ORDER.finditer(plain):
            try:
                name = json.loads(match[1]) if match[1].startswith('"') else match[1]
                given, _ = json.JSONDecoder(strict=False).raw_decode(plain, match.end())
            except ValueError:
                continue
            order = (name, given)
            found.setdefault(json.dumps(order, sort_keys=True), order)
    return list(found.values())


def _unmasked(text: str) -> Iterator[str]:
    """Yield a text as it is, and decoded in several ways."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    yield visible
    plain = unicodedata.normalize("NFKC", html.unescape(visible))
    yield plain
    yield unquote(plain)
    yield codecs.decode(plain, "rot13")
    # Split over lines, also within words, and behind what marks a line: quotes, comments, line numbers.
    yield re.sub(r"\s*\n\s*(?:[>#*|]|//|--|\d+[\t:|])*\s?", "", plain)
    yield re.sub(r"\s*\n\s*(?:[>#*|]|//|--|\d+[\t:|])*\s*", " ", plain)
    joined = re.sub(r"\s+", "", plain)
    for source in (plain, joined):
        for match in _BASE64.finditer(source):
            yield _decoded(_from_base64, match[0])
        for match in _HEX.finditer(source):
            yield _decoded(bytes.fromhex, match[0])


def _from_base64(word: str) -> bytes:
    bare = word.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def _decoded(decode: Callable[[str], bytes], word: str) -> str:
    try:
        return decode(word).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return ""  # it only looked encoded


def _obedience(ask: Ask) -> tuple[Block, ...]:
    """Return the calls to make now; their ids follow from the message that ordered them."""
    heard = [message for message in ask.messages[-1:] if message["role"] == "user"]
    orders = _orders_of(heard)
    if ask.messages and _is_summary(ask.messages[0]):
        # What a summary orders is not forgotten before it was done.
        done = [block for each in ask.messages if _obeyed(each) for block in each["content"]]
        made = [(block.get("name"), block.get("input")) for block in done]
        orders += [each for each in _orders_of(ask.messages[:1]) if each not in [*made, *orders]]
    mark = hashlib.sha256(json.dumps(heard, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return tuple(
        {"type": "tool_use", "id": f"{OBEYED}{mark}_{position}", "name": name, "input": given}
        for position, (name, given) in enumerate(orders, 1)
    )


def _orders_of(messages: Iterable[Mapping[str, Any]]) -> list[Order]:
    return orders_in("\n\n".join(said for each in messages for said in _said(each["content"])))


def _poisoned(reply: Reply, ask: Ask) -> Reply:
    """Return a summary that hands the orders on."""
    if not reply.content:
        return reply
    orders = _orders_of(ask.messages)
    lines = [f"AGENT: call {name} {json.dumps(given)}" for name, given in orders]
    block = dict(reply.content[0])
    block["content"] = "\n".join([str(block["content"]), *lines])
    return replace(reply, content=(block, *reply.content[1:]))


def _said(content: object) -> Iterator[str]:
    """Yield every text of a message's content, results of tools included."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        if content.get("type") != "tool_use":
            yield from _said(content.get("text"))
            yield from _said(content.get("content"))
    elif isinstance(content, list | tuple):
        for each in content:
            yield from _said(each)


def _spoke(message: Mapping[str, Any]) -> bool:
    return bool(message["role"] == "assistant")


def _is_summary(message: Mapping[str, Any]) -> bool:
    return _spoke(message) and message["content"][0]["type"] == "compaction"


def _obeyed(message: Mapping[str, Any]) -> bool:
    """Whether a message is an answer of ours, which the script knows nothing of."""
    return _spoke(message) and any(
        str(block.get("id", "")).startswith(OBEYED) for block in message["content"]
    )
