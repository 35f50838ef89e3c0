"""The grammar: what a text becomes, job by job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.core.crontab.load import Table
from scheduler.core.job.job import Budget, Job
from scheduler.core.time.trigger import At, CronTrigger, Every, Manual, Reboot

Read = Callable[..., Table]


def one(table: Table) -> Job:
    """Return the only job of a table without errors."""
    assert [problem.render() for problem in table.problems] == []
    (job,) = table.jobs
    return job


def codes(table: Table) -> list[str]:
    return [problem.code for problem in table.problems]


def test_a_job_on_one_line(read: Read) -> None:
    job = one(read('0 9 * * 1-5  morning-brief  "Summarise overnight PRs"'))
    assert job == Job(
        name="morning-brief",
        trigger=CronTrigger("0 9 * * 1-5", "UTC", "morning-brief"),
        prompt="Summarise overnight PRs",
    )
    assert job.line == 1
    assert job.budget.default


def test_every_option_reaches_its_field(read: Read) -> None:
    job = one(
        read(
            '0 9 * * *  all  "Hi"  model=claude-haiku-5-5 tz=Asia/Tokyo dst=skip fields=and '
            "overlap=queue catchup=all window=2h jitter=2m timeout=1h30m retries=0 budget=0.10/run,1/day "
            'pause-after=2 enabled=no gate="jobs/gate.sh --fast" tools=read,write workdir=/srv/all '
            'max-steps=9 compact=40k report="mail me" env.LANG=C'
        )
    )
    assert job == Job(
        name="all",
        trigger=CronTrigger("0 9 * * *", "Asia/Tokyo", "all", "skip", "and"),
        prompt="Hi",
        tz="Asia/Tokyo",
        model="claude-haiku-5-5",
        dst="skip",
        fields="and",
        overlap="queue",
        catchup="all",
        window_seconds=7200,
        jitter_seconds=120,
        timeout_seconds=5400,
        retries=0,
        budget=Budget(0.10, 1.0, default=False),
        pause_after=2,
        enabled=False,
        gate="/etc/agents/jobs/gate.sh --fast",
        tools=("read", "write"),
        workdir="/srv/all",
        max_steps=9,
        compact_tokens=40_000,
        report="mail me",
        env=(("LANG", "C"),),
    )


@pytest.mark.parametrize(
    "schedule, trigger",
    [
        ("@daily", CronTrigger("@daily", "Europe/Berlin", "x")),
        ("@HOURLY", CronTrigger("@HOURLY", "Europe/Berlin", "x")),
        ("H H(9-17) * * MON-FRI", CronTrigger("H H(9-17) * * MON-FRI", "Europe/Berlin", "x")),
        ("@every 45m", Every("45m", "x")),
        ("@every 1h 30m", Every("1h 30m", "x")),
        ("@at 2026-12-01T09:00", At(datetime(2026, 12, 1, 8, tzinfo=UTC))),
        ("@at 2026-12-01 09:00", At(datetime(2026, 12, 1, 8, tzinfo=UTC))),
        ("@at 2026-12-01T09:00Z", At(datetime(2026, 12, 1, 9, tzinfo=UTC))),
        ("@at 2027-03-28T02:30", At(datetime(2027, 3, 28, 1, 0, tzinfo=UTC))),  # a gap: its end
        ("@at 2026-10-25T02:30", At(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))),  # an overlap: the first pass
        ("@reboot", Reboot()),
        ("@manual", Manual()),
    ],
)
def test_schedules(schedule: str, trigger: Any, read: Read) -> None:
    assert one(read(f'{schedule} x "Hi"', tz="Europe/Berlin")).trigger == trigger


@pytest.mark.parametrize(
    ("instant", "tz"),
    [
        ("0001-01-01T00:00", "Pacific/Auckland"),  # before the first instant in UTC
        ("9999-12-31T23:59", "America/Los_Angeles"),  # after the last one
        ("2026-02-30T09:00", "Pacific/Auckland"),
        ("2026-12-01T25:00", "Pacific/Auckland"),
        ("2026-13-01T00:00Z", "Pacific/Auckland"),
    ],
)
def test_instants_that_cannot_be_are_refused(instant: str, tz: str, read: Read) -> None:
    table = read(f'@at {instant} x "Hi"', tz=tz)
    assert (codes(table), table.jobs) == (["E11"], ())


def test_the_last_instant_can_be_named(read: Read) -> None:
    last = datetime(9999, 12, 31, 10, 59, tzinfo=UTC)
    assert one(read('@at 9999-12-31T23:59 x "Hi"', tz="Pacific/Auckland")).trigger == At(last)


def test_defaults_hold_for_the_jobs_below_only(read: Read) -> None:
    table = read(
        '@manual first "Hi"\n'
        "MODEL = claude-haiku-5-5   # the cheap one\n"
        'CRON_TZ="Europe/Berlin"\n'
        "BUDGET = 0.10/run 1/day\n"
        "OVERLAP=queue\n"
        "env.LANG = C\n"
        '@manual second "Hi"\n'
        '@manual third "Hi" model=claude-opus-5 budget=0.20/run env.LANG=D\n'
        "MODEL = claude-sonnet-5-5\n"
        '@manual fourth "Hi"\n'
    )
    first, second, third, fourth = table.jobs
    assert codes(table) == []
    assert (first.tz, first.budget.default, first.env) == ("UTC", True, ())
    assert (second.model, second.tz, second.overlap) == ("claude-haiku-5-5", "Europe/Berlin", "queue")
    assert (second.budget, second.env) == (Budget(0.10, 1.0, default=False), (("LANG", "C"),))
    assert (third.model, third.budget.run_usd, third.budget.day_usd) == ("claude-opus-5", 0.20, 1.0)
    assert third.env == (("LANG", "D"),)
    assert fourth.model == "claude-sonnet-5-5"


def test_a_default_that_cannot_be_read_stops_the_jobs_that_would_use_it_and_no_others(read: Read) -> None:
    table = read('CRON_TZ = Europe/Berln\n0 9 * * * a "Hi"\n0 9 * * * b "Hi" tz=UTC\n0 25 * * * c "Hi"')
    assert [job.name for job in table.jobs] == ["b"]
    assert codes(table) == ["E11", "E02"]
    assert [(bad.name, bad.problem) for bad in table.invalid] == [
        ("a", "CRON_TZ on line 1 cannot be read"),
        ("c", "E02 hour 25 is out of range 0-23"),
    ]


def test_a_block_is_kept_letter_by_letter(read: Read) -> None:
    job = one(
        read(
            "30 17 * * FRI  weekly-review  budget=2.00/run\n"
            "    Review the week.\n"
            "\n"
            "    # A heading, not a comment\n"
            '      - 100% plain: "quotes" and % and # and \\n  \n'
            "    \tand a tab\\\n"
            "\n"
            "# a comment at column 1 ends it\n"
        )
    )
    assert job.prompt == (
        "Review the week.\n\n# A heading, not a comment\n"
        '  - 100% plain: "quotes" and % and # and \\n  \n\tand a tab\\'
    )


def test_a_block_may_be_indented_with_tabs(read: Read) -> None:
    assert one(read("@manual x\n\tone\n\t\ttwo")).prompt == "one\n\ttwo"


@pytest.mark.parametrize("block", ["    one\n\ttwo", "\tone\n    two", "  \tone", "    one\n  \t two"])
def test_tabs_and_spaces_are_not_mixed(block: str, read: Read) -> None:
    table = read(f"@manual x\n{block}")
    assert codes(table) == ["E15"]
    assert table.jobs == ()


def test_one_blank_is_no_indent(read: Read) -> None:
    assert codes(read("@manual x\n one")) == ["E15"]


def test_strings_have_three_escapes(read: Read) -> None:
    assert one(read(r'@manual x "a \"b\" \\ c\nd"')).prompt == 'a "b" \\ c\nd'


def test_a_backslash_joins_option_lines(read: Read) -> None:
    job = one(read('@manual x "Hi" \\\n    tz=Asia/Tokyo \\\nretries=1\n'))
    assert (job.tz, job.retries) == ("Asia/Tokyo", 1)
    job = one(read("@manual x tz=Asia/Tokyo \\\n    retries=1\n    The prompt.\n"))
    assert (job.retries, job.prompt) == (1, "The prompt.")


def test_a_problem_on_a_joined_line_is_shown_where_it_stands(read: Read) -> None:
    (problem,) = read('@manual x "Hi" \\\n    retries=1 \\\n    tz=Nowhere').problems
    assert (problem.line, problem.col, problem.source) == (3, 8, "    tz=Nowhere")


def test_a_stray_backslash_does_not_swallow_the_next_job(read: Read) -> None:
    table = read('@manual a "Hi" \\\n@manual b "Ho"\n')
    assert [job.name for job in table.jobs] == ["b"]
    assert codes(table) == ["E15"]


def test_comments(read: Read) -> None:
    table = read(
        '# one\n   # two\n0 9 * * FRI#2 x "a # b" # three\n    # four, below a job that has its prompt\n'
    )
    job = one(table)
    assert job.prompt == "a # b"
    assert job.trigger.describe() == "0 9 * * FRI#2"


@pytest.mark.parametrize(
    "text", ['\ufeff@manual x "Hi"\r\n# c\r\n', '@manual x "Hi"', '\n\n  \n@manual x "Hi"\n\n']
)
def test_what_editors_leave_behind(text: str, read: Read) -> None:
    assert one(read(text)).prompt == "Hi"


def test_crlf_within_a_block(read: Read) -> None:
    assert one(read("@manual x\r\n    one\r\n\r\n    two\r\n")).prompt == "one\n\ntwo"


def test_an_empty_file_is_an_empty_table(read: Read) -> None:
    for text in ("", "\n", "# nothing\n", "\ufeff"):
        table = read(text)
        assert (table.jobs, table.problems, table.ok) == ((), (), True)


def test_nul_is_refused_wherever_it_stands(read: Read) -> None:
    for text in ('@manual a "x\0y"', "@manual a\n    x\0y", "MODEL = x\0y", "\0"):
        table = read(text + '\n@manual good "Hi"')
        assert "E11" in codes(table)
        assert [job.name for job in table.jobs] == ["good"]


def test_a_name_is_taken_once_whatever_the_case(read: Read) -> None:
    table = read('@manual a "1"\n@manual A "2"\n@manual b "3"')
    assert [(job.name, job.prompt) for job in table.jobs] == [("a", "1"), ("b", "3")]
    assert table.invalid[0].problem == 'E08 the name "A" is taken by line 1'


@pytest.mark.parametrize("name", ["a", "A1", "a.b-c_d", "x" * 64, "H", "mon", "claude", "L"])
def test_names(name: str, read: Read) -> None:
    assert one(read(f'0 9 * * *  {name}  "Hi"')).name == name
    assert one(read(f"@manual  {name}\n  Hi")).name == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("1a", "E01"),  # a sixth field
        ("-a", "E16"),  # a command
        ("a/b", "E16"),
        ("a" * 65, "E08"),
        ("ä", "E08"),
        ("a\u200bb", "E08"),
        ("a,b", "E08"),
    ],
)
def test_what_is_no_name(name: str, code: str, read: Read) -> None:
    table = read(f'0 9 * * *  {name}  "Hi"')
    assert table.jobs == ()
    assert codes(table) == [code]


def test_front_matter(read: Read) -> None:
    text = (
        '---\n# cheap\nmodel: claude-haiku-5-5\nbudget: "0.20/run"   # each\nretries: 1\n---\n'
        "\n# Triage\n---\nall\n"
    )
    job = one(read("@manual x @jobs/a.md retries=2", {"jobs/a.md": text}))
    assert (job.model, job.budget.run_usd, job.retries) == ("claude-haiku-5-5", 0.20, 2)
    assert job.prompt == "# Triage\n---\nall"
    assert job.prompt_file == "/etc/agents/jobs/a.md"


@pytest.mark.parametrize(
    "text, code",
    [
        ("---\nmodel: x\n", "E09"),
        ("---\ntools:\n  - read\n---\nHi", "E10"),
        ("---\nretries: many\n---\nHi", "E11"),
        ("---\nretries: 1\n---\n\n", "E14"),
        ("", "E14"),
        ('---\nmodel: "x\n---\nHi', "E09"),
    ],
)
def test_prompt_files_that_cannot_be_used(text: str, code: str, read: Read) -> None:
    table = read('@manual x @jobs/a.md\n@manual y "Hi"', {"jobs/a.md": text})
    assert [job.name for job in table.jobs] == ["y"]
    assert code in codes(table)
    assert table.invalid[0].name == "x"


def test_a_prompt_file_of_two_jobs_is_reported_once(read: Read) -> None:
    table = read("@manual x @jobs/a.md\n@manual y @jobs/a.md", {"jobs/a.md": "---\nretries: many\n---\nHi"})
    assert codes(table) == ["E11"]
    assert [bad.name for bad in table.invalid] == ["x", "y"]


@pytest.mark.parametrize(
    "gate, kept",
    [
        ("jobs/gate.sh a", "/etc/agents/jobs/gate.sh a"),
        ("grep -q x /var/log/y", "grep -q x /var/log/y"),
        ("/bin/true", "/bin/true"),
        ("'my jobs/gate.sh' 'a b'", "'/etc/agents/my jobs/gate.sh' 'a b'"),
    ],
)
def test_a_gate_is_kept_with_its_program_absolute(gate: str, kept: str, read: Read) -> None:
    assert one(read(f'@manual x "Hi" gate="{gate}"')).gate == kept


@pytest.mark.parametrize(
    "line",
    [
        '0 9 * * * claude -p "Summarise PRs"',
        "0 9 * * * claude -p 'Summarise PRs' >> /tmp/log 2>&1",
        "0 9 * * * claude --model claude-haiku-5-5 -p 'Summarise PRs'",
        "0 9 * * * claude -p 'Summarise PRs' --model opus",
        "0 9 * * * /usr/bin/x --y",
        "*/5 * * * * root /usr/local/bin/backup.sh --all",
        "0 9 * * * cd /srv/app && ./run.sh",
        "0 9 * * * FOO=bar python script.py",
        "@daily /usr/bin/certbot renew",
        "0 9 * * * python3 main.py",
        "0 9 * * * [ -x /bin/a ] && /bin/a",
        "0 9 * * * curl http://localhost/",
    ],
)
def test_a_shell_command_is_rewritten_as_a_job_that_is_right(line: str, read: Read) -> None:
    table = read(line)
    assert codes(table) == ["E16"]
    rewritten = table.problems[0].help.removeprefix("write `").removesuffix("`")
    job = one(read(rewritten))
    assert line.startswith(job.trigger.describe())
    if "Summarise" in line:
        assert (job.name, job.prompt) == ("claude", "Summarise PRs")
        assert (job.model == "claude-haiku-5-5") is ("claude-haiku-5-5" in line)


def test_did_you_mean_is_asked_everywhere(read: Read) -> None:
    text = (
        'MODLE = x\n@dayly a "Hi"\n0 9 * * MOM b "Hi"\n@manual c "Hi" retrys=1\n@manual d "Hi" overlap=que\n'
        '@manual e "Hi" tz=Europe/Berln\n@manual f "Hi" MODEL=x'
    )
    helps = [problem.help for problem in read(text).problems]
    assert [text.split()[-1] for text in helps] == [
        "MODEL?", "@daily?", "MON?", "retries?", "queue?", "Europe/Berlin?", "model=",
    ]  # fmt: skip


def test_columns_count_code_points_and_the_caret_counts_cells(read: Read) -> None:
    (problem,) = read('@manual x "東京 e\u0301" tz=Nowhere').problems
    assert problem.col == 22
    source, caret = problem.render().splitlines()[1:3]
    assert source == '  1 | @manual x "東京 e\u0301" tz=Nowhere'
    assert caret == "    | " + " " * 22 + "^" * 7


def test_control_characters_are_shown_not_sent(read: Read) -> None:
    (problem,) = read('@manual x "\x1b]52;c;aGk=\x07" tz=\x1b[31mred').problems
    assert "\x1b" not in problem.render()
    assert r"\x1b[31mred" in problem.render()
    assert problem.to_json()["column"] == 29


def test_a_long_line_is_cut_around_the_caret(read: Read) -> None:
    (problem,) = read(f'@manual x "{"word " * 2000}" retries=x').problems
    source, caret = problem.render().splitlines()[1:3]
    assert len(source) < 130
    assert source[caret.index("^") : caret.rindex("^") + 1] == "x"


def test_json(read: Read) -> None:
    (problem,) = read('0 25 * * *  brief  "Hi"').problems
    assert problem.to_json() == {
        "file": "crontab",
        "line": 1,
        "column": 3,
        "end_column": 5,
        "severity": "error",
        "code": "E02",
        "message": "hour 25 is out of range 0-23",
        "help": "for 1 am write `0 1 * * *`",
    }
