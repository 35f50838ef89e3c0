"""Golden texts: the exact words for every code, as in ``goldens.txt`` beside this file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from scheduler.core.crontab.load import ERRORS, WARNINGS, Table, all_problems

Read = Callable[..., Table]

PROMPTS = {"jobs/bad.md": "---\nmodle: x\ntz: Mars/Base\n---\nhello", "jobs/ok.md": "hi"}

CASES = Path(__file__).with_name("goldens.txt").read_text("utf-8").split("\n=== ")[1:]


@pytest.mark.parametrize("case", CASES, ids=[case.partition("\n")[0] for case in CASES])
def test_golden(case: str, read: Read, now: datetime) -> None:
    title, _, body = case.partition("\n")
    text, _, expected = body.partition("\n---\n")
    problems = all_problems(read(text, PROMPTS), now)
    assert "\n".join(problem.render() for problem in problems) == expected.rstrip("\n")
    assert title.partition(" ")[0] in {problem.code for problem in problems}


def test_every_code_has_a_golden() -> None:
    of_the_trust_file = {"E17", "W09", "W10"}  # found by `check` beside the text; see test_approvals
    of_plug_ins = {"W16"}  # see test_plug_ins
    assert {case[:3] for case in CASES} == {*ERRORS, *WARNINGS} - of_the_trust_file - of_plug_ins
