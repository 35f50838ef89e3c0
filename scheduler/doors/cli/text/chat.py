"""Show a run as a chat: messages, calls and results in order of time, with sleeps as gaps."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from scheduler.core.run.conversation import Block, Call, CallState, Message
from scheduler.core.run.run import State
from scheduler.core.trust.effect import Effect
from scheduler.doors.cli.text.wrap import WIDTH, cut, fold
from scheduler.views.clock import Wall, span
from scheduler.views.story import Story

_MAX_LINES = 8
"""Lines of a tool's result, and of a scheduler's note, that are shown without --full."""

_MAX_PROMPT_LINES = 40
_MAX_CHARS = 4_000
_SLEEP = "sleep"

_GAPS = {
    "back_off": "waited to retry",
    "park": "parked",
    "rescue": "its runner died; the run was requeued",
    "bury": "its runner died too often; the run was abandoned",
    "release": "its runner was stopped; the run was requeued",
    "fail": "failed",
    "cancel": "was cancelled",
}

DOUBT = {
    Effect.PURE: "it changes nothing, so it will be repeated",
    Effect.KEYED: "it will be repeated with the same key",
    Effect.PROBE: "its tool will check whether it happened, and repeat it only if not",
    Effect.OPAQUE: "it will not be repeated; its outcome will be unknown",
}
"""What happens to a call that was under way when its process died."""


def chat_lines(story: Story, wall: Wall, *, full: bool) -> list[str]:
    """Return the chat; ``full`` shows everything."""
    teller = _Teller(story, wall, full)
    parts: list[tuple[datetime, int, list[str]]] = []
    for index, message in enumerate(story.messages):
        parts.append((message.created_at, index, list(teller.message(message))))
    last = len(story.messages)
    parts += [(at, last, lines) for at, lines in teller.gaps()]
    parts += [(at, last, lines) for at, lines in teller.summaries()]
    parts += [(at, last, lines) for at, lines in teller.troubles()]
    # Events of the same instant keep the order of the conversation.
    parts.sort(key=lambda part: (part[0], part[1]))
    return [line for _, _, lines in parts for line in lines]


class _Teller:
    def __init__(self, story: Story, wall: Wall, full: bool) -> None:
        self._story = story
        self._wall = wall
        self._full = full
        self._by_message: dict[int, list[Call]] = {}
        for call in story.calls:
            self._by_message.setdefault(call.message_seq, []).append(call)

    def message(self, message: Message) -> Iterator[str]:
        """Yield a message and, after an agent's message, the calls that it contains."""
        said = [block for block in message.content if block.get("type") != "tool_result"]
        if message.role == "assistant":
            yield from self._heading(message.created_at, "agent")
            yield from self._blocks(said)
            for call in self._by_message.get(message.seq, ()):
                yield from self._call(call)
            if message.stop_reason not in (None, "end_turn", "tool_use"):
                yield f"  [stopped: {cut(str(message.stop_reason), 60)}]"
            return
        texts = [str(block.get("text", "")) for block in said if block.get("type") == "text"]
        for index, text in enumerate(texts):
            who = "owner" if message.seq == 1 and index == 0 else "scheduler"
            if "untrusted:gate" in message.provenance and index > 1:
                who = "gate"
            yield from self._heading(message.created_at, who)
            yield from self._text(text, _MAX_PROMPT_LINES if who == "owner" else _MAX_LINES, "  ")

    def gaps(self) -> Iterator[tuple[datetime, list[str]]]:
        """Yield a gap for each period in which no runner held the run; sleeps are shown at their calls."""
        attempts = self._story.attempts
        for attempt, following in itertools.pairwise(attempts):
            if attempt.released_at is None or attempt.ended_as == "suspend":
                continue
            seconds = (following.claimed_at - attempt.released_at).total_seconds()
            what = _GAPS.get(attempt.ended_as, attempt.ended_as)
            yield attempt.released_at, _gap(f"{span(seconds)}: {what}")

    def summaries(self) -> Iterator[tuple[datetime, list[str]]]:
        """Yield a line for each summary that replaced earlier messages."""
        for request in self._story.requests:
            if request.summary is None:
                continue
            size, usage = f"messages 1 to {request.covers}", request.usage
            lines = _gap(
                f"{size} ({usage.sent_tokens:,} tokens) summarised in {usage.output_tokens:,} tokens"
            )
            if self._full:
                lines += fold(str(request.summary.get("content", "")), first="  ", indent="  ")
            yield request.ended_at or request.started_at, lines

    def troubles(self) -> Iterator[tuple[datetime, list[str]]]:
        """Yield requests without an answer."""
        for request in self._story.requests:
            at = request.ended_at or request.started_at
            name = f"! request {request.number}" + (", for a summary," if request.covers is not None else "")
            if request.state == "failed":
                yield at, list(fold(f"{name} failed: {request.error}", indent="  "))
            elif request.state == "answered" and request.error:
                yield at, list(fold(f"{name} gave no usable summary: {request.error}", indent="  "))
            elif request.state == "lost":
                lost = f"{name} was in flight when its process died; its cost is unknown"
                yield at, fold(lost, indent="  ")

    def _heading(self, at: datetime, who: str) -> Iterator[str]:
        yield ""
        yield f"{self._wall(at, seconds=True)}  {who}"

    def _blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        for block in blocks:
            kind = str(block.get("type"))
            if kind == "text":
                yield from self._text(str(block.get("text", "")), 0, "  ")
            elif kind == "thinking" and self._full:
                yield from fold(str(block.get("thinking", "")), first="  (thinks) ", indent="    ")
            elif kind not in ("tool_use", "thinking", "redacted_thinking"):
                yield f"  [{cut(kind, 40)}]"

    def _call(self, call: Call) -> Iterator[str]:
        if call.name == _SLEEP and call.state in (CallState.WAITING, CallState.DONE):
            yield from self._sleep(call)
            return
        yield from self._request(call)
        repeated = self._crossed(call)
        if call.state is CallState.UNKNOWN:
            yield f"    ! outcome UNKNOWN ({call.effect}): not repeated"
        elif call.state is CallState.STARTED:
            yield from self._under_way(call)
        elif call.state is CallState.PLANNED:
            yield "    not started"
        elif repeated:
            yield f"    ! interrupted by a crash ({call.effect}): {repeated}"
        if call.result is not None:
            if call.rule == "pending":
                yield "    ! waits for confirmation"
            elif call.rule and call.started_at is None:
                yield f"    ! stopped by the rule {cut(call.rule, 40)}"
            mark = "failed: " if call.state is CallState.FAILED else ""
            yield from self._text(mark + _plain(call.result), _MAX_LINES, "    | ")

    def _under_way(self, call: Call) -> Iterator[str]:
        since = f" since {self._wall.short(call.started_at)}" if call.started_at else ""
        if self._story.run.state is State.RUNNING and not self._story.orphan:
            yield f"    under way{since} ({call.effect})"
        else:
            text = f"! open{since} ({call.effect}), its process died: {DOUBT[call.effect]}"
            yield from fold(text, first="    ", indent="      ")

    def _crossed(self, call: Call) -> str:
        """Describe the handling of a call that started under one claim and ended under a later one."""
        if call.started_at is None or call.ended_at is None:
            return ""
        claims = [attempt.claimed_at for attempt in self._story.attempts]
        if not any(call.started_at < claimed <= call.ended_at for claimed in claims):
            return ""
        if call.effect is Effect.PROBE:
            return "its tool checked whether it had happened"
        return "repeated with the same key" if call.effect is Effect.KEYED else "repeated"

    def _request(self, call: Call) -> Iterator[str]:
        if self._full:
            yield f"  > {cut(call.name, 60)}"
            body = json.dumps(dict(call.args), indent=2, ensure_ascii=False)
            yield from fold(body, first="    ", indent="    ")
            return
        args = ", ".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.args.items()
        )
        yield "  > " + cut(f"{call.name}({args})", WIDTH - 4)

    def _sleep(self, call: Call) -> Iterator[str]:
        reason = str(call.args.get("reason") or self._story.run.waiting_for or "")
        because = f": {reason}" if reason else ""
        begun = call.started_at
        if call.state is CallState.WAITING:
            until = self._story.run.wake_at
            wakes = f", wakes {self._wall.both(until)}" if until else ""
            since = f" since {self._wall.short(begun)}" if begun else ""
            yield from _gap(f"sleeping{since}{wakes}{because}")
            return
        if begun is not None and call.ended_at is not None:
            yield from _gap(f"slept {span((call.ended_at - begun).total_seconds())}{because}")
        yield from self._heading(call.ended_at or self._wall.now, "scheduler")
        yield from self._text(_plain(call.result or ""), _MAX_LINES, "  ")

    def _text(self, text: str, most: int, margin: str) -> Iterator[str]:
        """Yield a text in lines; after ``most`` lines (0: all) only the number of the others."""
        if self._full or not most:
            yield from fold(text.rstrip("\n"), first=margin, indent=margin)
            return
        head = text[:_MAX_CHARS]
        lines = fold(head.rstrip("\n"), first=margin, indent=margin)
        if len(lines) <= most and len(text) <= _MAX_CHARS:
            yield from lines
            return
        shown = lines[: most - 1]
        more = text.count("\n") + 1 - head.count("\n") + len(lines) - len(shown) - 1
        yield from shown
        yield f"{margin}[{more} more lines, {len(text):,} characters in total; use --full to see them]"


def _gap(text: str) -> list[str]:
    return ["", *(f"~~~ {line} ~~~" for line in fold(text, width=WIDTH - 8)[:4])]


def _plain(result: str | tuple[Block, ...]) -> str:
    if isinstance(result, str):
        return result
    return "\n".join(
        str(block["text"]) if block.get("type") == "text" else f"[{block.get('type')}]" for block in result
    )
