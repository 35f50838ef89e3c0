"""A builder of rehearsals, for tests of agents and of plug-ins.

>>> play = script().say("Nothing yet.").sleep("in 3 days").finish("Looked twice, all quiet.")
>>> print(play.jsonl(), end="")
{"text": "Nothing yet.", "calls": [{"name": "sleep", "input": {"until": "in 3 days"}}]}
{"calls": [{"name": "finish", "input": {"summary": "Looked twice, all quiet."}}]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.adapters.rehearsal.script import PREFIX, parse_script


class ScriptBuilder:
    """Collects the answers of a model, one line each; every method returns the builder."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []
        self._said = ""

    def say(self, text: str) -> ScriptBuilder:
        """Give the next answer this text; if no call follows, the text is an answer of its own."""
        self._flush()
        self._said = text
        return self

    def call(self, name: str, /, **given: Any) -> ScriptBuilder:
        """Answer with one tool call."""
        line: dict[str, Any] = {"text": self._said} if self._said else {}
        self._said = ""
        self._lines.append({**line, "calls": [{"name": name, "input": given}]})
        return self

    def also(self, name: str, /, **given: Any) -> ScriptBuilder:
        """Add a tool call to the answer made last, so that it makes several at once."""
        if self._said or not self._lines or "calls" not in self._lines[-1]:
            raise ValueError("also() belongs after a call")
        self._lines[-1]["calls"].append({"name": name, "input": given})
        return self

    def sleep(self, until: str, reason: str = "") -> ScriptBuilder:
        """Answer by going to sleep."""
        return self.call("sleep", until=until, **({"reason": reason} if reason else {}))

    def note(self, text: str) -> ScriptBuilder:
        """Answer by writing a note."""
        return self.call("note", text=text)

    def finish(self, summary: str, outcome: str = "") -> ScriptBuilder:
        """Answer by ending the run."""
        return self.call("finish", summary=summary, **({"outcome": outcome} if outcome else {}))

    def append(self, other: ScriptBuilder) -> ScriptBuilder:
        """Append the answers of another script."""
        self._flush()
        self._lines += other.lines()
        return self

    def stopped(self, stop_reason: str) -> ScriptBuilder:
        """Give the answer made last another stop reason."""
        self._flush()
        self._lines[-1]["stop_reason"] = stop_reason
        return self

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines as values."""
        self._flush()
        return list(self._lines)

    def jsonl(self) -> str:
        """Return the text of the script."""
        return "".join(json.dumps(line) + "\n" for line in self.lines())

    def write(self, path: str | Path) -> str:
        """Write the script to a file and return the model name that selects it."""
        Path(path).write_text(self.jsonl(), encoding="utf-8")
        return f"{PREFIX}{path}"

    def model(self) -> RehearsalModel:
        """Return a model that answers from this script."""
        return RehearsalModel(parse_script(self.jsonl(), "script()"))

    def _flush(self) -> None:
        if self._said:
            self._lines.append({"text": self._said})
            self._said = ""


def script() -> ScriptBuilder:
    """Begin a script."""
    return ScriptBuilder()
