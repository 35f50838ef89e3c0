"""The README's transcript: made by running the command, compared with what differs each time set aside.

``python -m tests.kit.transcript`` writes it anew.
"""

from __future__ import annotations

import re
import subprocess
import sys

from tests.kit.processes import ROOT, clean_environment

README = ROOT / "README.md"
BEGIN, END = "<!-- transcript: agentcron demo -->\n```text\n", "```\n<!-- end of transcript -->"

# What is another at every run: ids, pids, folders, clocks, and how long things took.
_VARYING = (
    (r"agentcron-demo-\w+", "agentcron-demo-XXXX"),
    (r"/\S*/(?=agentcron-demo-)", "/tmp/"),
    (r"\bpid \d+", "pid N"),
    (r"\b([Rr]un|show|resume) [a-z][a-z2-7]{7}\b", r"\1 RUN"),
    (r"^[a-z][a-z2-7]{7}(?=  demo)", "RUN"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)(?: \([\w/+-]+\))?", "INSTANT"),
    (r"\((?:UTC|[A-Z]\w+/[\w/+-]+)\)", "(ZONE)"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} \w{3}\b", "DAY"),
    (r"\b\d\d:\d\d(:\d\d)?\b", "CLOCK"),
    (r"^ *\d+\.\d s", "N s"),
    (r"\b\d+s\b", "Ns"),
    (r"\s+", " "),
)


def produce() -> str:
    """Run the demo and return what it prints.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "scheduler", "demo"],
        capture_output=True,
        text=True,
        env=clean_environment() | {"TZ": "UTC"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def settled(text: str) -> str:
    """Return a transcript as one line of words in which everything that varies has one name."""
    # Long lines are folded by width, and widths vary with what is in them: compare words, not lines.
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip()


def shown() -> str:
    """Return the transcript in the README."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def write() -> None:
    """Put a new transcript into the README."""
    text = README.read_text(encoding="utf-8")
    fresh = re.sub(r"/\S*/(?=agentcron-demo-)", "/tmp/", produce())
    README.write_text(
        text[: text.index(BEGIN) + len(BEGIN)] + fresh + text[text.index(END) :], encoding="utf-8"
    )


if __name__ == "__main__":
    write()
