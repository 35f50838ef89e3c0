"""What the README shows is what happens."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from scheduler.config import load
from scheduler.core.crontab.load import parse
from scheduler.doors.cli.main import VERBS
from tests.kit.processes import ROOT, Installation
from tests.kit.transcript import produce, settled, shown

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_the_transcript_of_the_demo_is_real() -> None:
    """`agentcron demo` prints what the README shows; it is written by `python -m tests.kit.transcript`."""
    assert settled(produce()) == settled(shown())


def test_the_crontab_in_the_readme_is_right(tmp_path: object) -> None:
    from scheduler.adapters.crontab_file import FileLook

    (text,) = re.findall(r"```crontab\n(.*?)```", README, flags=re.DOTALL)
    table = parse(
        text, file="crontab", look=FileLook(load(str(tmp_path))), now=datetime(2026, 11, 22, tzinfo=UTC)
    )
    assert not table.problems, "\n".join(problem.render() for problem in table.problems)
    assert len(table.jobs) == 5


def test_every_verb_in_the_readme_exists() -> None:
    named = set(re.findall(r"^\| `(\w+)", README, flags=re.MULTILINE)) | set(
        re.findall(r"^\$ agentcron (\w+)", README, flags=re.MULTILINE)
    )
    assert named <= set(VERBS)
    assert {"list", "why", "show", "demo", "init", "up"} <= named


@pytest.mark.process
def test_every_console_block_runs(place: Installation) -> None:
    """The commands of the README, in their order; installing and the demo have tests of their own."""
    place.environment |= {"ANTHROPIC_API_KEY": "k", "EDITOR": "true"}
    for line in re.findall(r"^\$ (.*)$", README, flags=re.MULTILINE):
        words = line.split("#")[0].split()
        if words[0] != "agentcron" or words[1] in ("demo", "up", "list", "show"):
            continue
        place.do(*words[1:])
    daemon = place.start("up")
    daemon.kill()
