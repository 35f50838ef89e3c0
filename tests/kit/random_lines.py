"""What a model may say at random: rests, calls, cuts, ends, faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.kit.models import CENT, Answer, call, fault, finish, say, sleep

DEAREST = 5 * CENT
PUSH = "repo:push"

LINES: tuple[Callable[[], Answer], ...] = (
    lambda: sleep("1h"),
    lambda: sleep("3 days", "a rest"),
    lambda: sleep("tomorrow"),
    lambda: call(("await", {"kind": PUSH})),
    lambda: call(("await", {"kind": PUSH, "key": "main"}), ("opaque", {})),
    lambda: call(("await", {"kind": PUSH, "key": "push-1", "hours": 2})),
    lambda: call(("pure", {}), ("opaque", {})),
    lambda: call(("opaque", {}), ("sleep", {"until": "20m"})),
    lambda: call(("keyed", {}), ("probed", {}), ("note", {"text": "n"})),
    lambda: call(("breaks", {}), ("nothing_of_the_kind", {})),
    lambda: call(("sleep", {"until": "2h"}), ("sleep", {"until": "1h"}), ("opaque", {})),
    lambda: call(("opaque", {}), ("finish", {"summary": "Over."})),
    lambda: call(("probed", {})),
    lambda: call(("never", {}), stop="max_tokens"),
    lambda: call(("never", {}), stop="refusal"),
    lambda: call(("note", {"text": "dear"}), cost=DEAREST),
    lambda: replace(sleep("1h", "a long day"), tokens=90_000),
    lambda: say("And then", "max_tokens"),
    lambda: say("And so", "model_context_window_exceeded"),
    lambda: call(("never", {}), stop="model_context_window_exceeded"),
    lambda: say("Looking", "pause_turn"),
    lambda: say("No.", "refusal"),
    lambda: say("Done."),
    lambda: finish("Failed.", "failed"),
    lambda: fault("cut"),
    lambda: fault("overloaded"),
    lambda: fault("rate_limited", 3600),
    lambda: fault("auth"),
    lambda: fault("invalid"),
    lambda: fault("unknown"),
    lambda: fault("too_long"),
    lambda: KeyError("an adapter's mistake"),
)
