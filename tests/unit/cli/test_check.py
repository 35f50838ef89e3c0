"""The verb ``check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call

GOOD = """\
CRON_TZ = UTC
BUDGET = 0.10/run 1/day
0 9 * * *   digest  "Summarise"
0 */4 * * * triage  "Sort"  model=claude-haiku-5-5
"""


def write(home: Path, text: str) -> None:
    (home / "crontab").write_text(text, encoding="utf-8")


def test_a_good_crontab_says_what_it_may_cost(call: Call, home: Path) -> None:
    write(home, GOOD)
    answer = call("check").fits()
    assert answer.status == 0
    assert answer.out.splitlines() == [
        "2 jobs, 7 runs/day, at most $0.70/day by your budgets.",
        "No errors. Next: agentcron next, then agentcron up",
    ]


def test_the_default_budget_and_a_missing_key_are_said(
    call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    write(home, '0 9 * * * digest "Summarise" tz=UTC\n@manual try "x" model=rehearsal:try.jsonl\n')
    (home / "try.jsonl").write_text('{"text": "ok"}\n')
    answer = call("check").fits()
    assert answer.status == 0
    assert "2 jobs have no budget of their own: $0.50/run and $5.00/day apply." in answer.out
    assert "ANTHROPIC_API_KEY is not set; 1 job needs it (digest)" in answer.out


def test_all_errors_come_in_one_pass_with_carets(call: Call, home: Path) -> None:
    write(
        home,
        GOOD + '0 25 * * * late "x"\n@manual odd "x" tools=reed\n@manual lost "x" model=rehearsal:no.jsonl\n',
    )
    answer = call("check")
    assert answer.status == 1
    assert (
        'crontab:5:3: error E02 hour 25 is out of range 0-23\n  5 | 0 25 * * * late "x"\n    |   ^^'
        in answer.out
    )
    assert "no tool is called reed" in answer.out
    assert "did you mean read?" in answer.out
    assert "no.jsonl cannot be read" in answer.out
    assert answer.out.splitlines()[-1] == "3 errors; 1 job will not run. Fix: agentcron edit"


def test_json(call: Call, home: Path) -> None:
    write(home, GOOD + '0 25 * * * late "x"\n')
    answer = call("check", "--json")
    values = json.loads(answer.out)
    assert answer.status == 1
    assert (values["ok"], values["errors"], values["jobs"], values["runs_per_day"]) == (False, 1, 2, 7)
    assert values["problems"][0]["code"] == "E02"
    assert (values["problems"][0]["line"], values["problems"][0]["column"]) == (5, 3)
    assert call("check", "--format", "json").out == answer.out


def test_a_file_of_ones_own(call: Call, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('@manual x "hello" budget=0.10/run\n')
    assert call("check", str(other)).status == 0


def test_no_crontab_is_not_found(call: Call) -> None:
    answer = call("check")
    assert (answer.status, answer.out) == (3, "")
    assert "agentcron init" in answer.err


def test_hostile_text_is_shown_as_escapes(call: Call, home: Path) -> None:
    write(home, '0 25 * * * late "\x1b[2J\u202ehidden"\n')
    answer = call("check")
    assert answer.status == 1
    assert "\x1b" not in answer.out
    assert "\u202e" not in answer.out
    assert "\\x1b" in answer.out
