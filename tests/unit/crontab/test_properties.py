"""What holds for every text: reading never raises, is stable, and one bad line costs nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.crontab.load import Table, all_problems, worst_case
from scheduler.core.crontab.scan import quoted, scan
from scheduler.core.job.job import Job

Read = Callable[..., Table]

PIECES = st.sampled_from(
    [
        "0 9 * * *", "@daily", "@every 5m", "@at 2026-12-01T09:00", "@manual", "*/7 H 31 2 MON", "0 9 * *",
        "name", "other", '"prompt"', '"open', "'single'", "@jobs/a.md", "@none.md",
        "tz=Asia/Tokyo", "tz=Nowhere", 'gate="x y"', "budget=1/run", "budget=x", "retries=2", "nokey=1",
        "MODEL = x", "CRON_TZ=?", "env.A=b", "claude -p", "/bin/x", "\\", "#", "# c", "    ", "--", "東",
        "\t", "\n", "\r\n", "\n  text", "\0", "\ufeff", "\u202e",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=200).map(lambda data: data.decode("latin-1")),
    st.binary(max_size=200).map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.lists(PIECES, max_size=25).map(" ".join),
    st.lists(st.lists(PIECES, max_size=6).map(" ".join), max_size=8).map("\n".join),
)
PROMPTS = {"jobs/a.md": "---\nretries: 1\n---\nHi"}

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,20}", fullmatch=True)
STRINGS = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=60
)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_reading_never_raises_and_every_problem_has_a_place(text: str, read: Read, now: datetime) -> None:
    table = read(text, PROMPTS)
    lines = text.count("\n") + 1
    problems = all_problems(table, now)
    for problem in problems:
        assert 1 <= problem.line <= lines or problem.file == "jobs/a.md"
        assert 1 <= problem.col < problem.end_col
        assert problem.col <= len(problem.source) + 1
        problem.render().encode("utf-8")
    assert list(problems) == sorted(problems)
    assert table.ok or table.errors
    assert len({job.name.casefold() for job in table.jobs}) == len(table.jobs) == len(table.places)
    assert not table.invalid or table.errors
    worst_case(table.jobs, now)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, path=st.text(max_size=100))
def test_prompt_files_never_raise(text: str, path: str, read: Read) -> None:
    read("@manual a @x.md\n@manual b @" + path, {"x.md": "---\n" + text, path: text})


GOOD = (
    'CRON_TZ = Europe/Berlin\n0 9 * * 1-5 good-one "Hi" retries=1\n',
    "@every 45m good-two\n    Look.\n    # and look\n",
    '@at 2026-12-01T09:00 good-three "Ho" \\\n    tz=Asia/Tokyo\n',
)
# A default would rightly change the jobs below it; so would a name that is theirs, a line that an indent
# adds to the job above, or a backslash that joins.
BAD_LINES = st.lists(
    PIECES.filter(lambda piece: "=" not in piece and "\n" not in piece), min_size=1, max_size=8
).map(lambda pieces: "0" + " ".join(pieces).rstrip("\\"))


@settings(max_examples=200, deadline=None)
@given(bad=BAD_LINES, at=st.integers(0, 3))
def test_one_bad_line_never_changes_other_jobs(bad: str, at: int, read: Read) -> None:
    def good(table: Table) -> list[Job]:
        return [job for job in table.jobs if job.name.startswith("good-")]

    expected = good(read("".join(GOOD)))
    parts = [*GOOD[:at], bad + "\n", *GOOD[at:]]
    assert len(expected) == 3
    assert good(read("".join(parts))) == expected


@given(STRINGS)
def test_a_quoted_text_is_read_back(text: str) -> None:
    (token,), flaws = scan(quoted(text))
    assert (token.value, flaws) == (text, ())


@settings(max_examples=100, deadline=None)
@given(name=NAMES, prompt=STRINGS.filter(str.strip), retries=st.integers(0, 20), minutes=st.integers(1, 90))
def test_a_written_job_is_read_back(name: str, prompt: str, retries: int, minutes: int, read: Read) -> None:
    table = read(f"@every {minutes}m  {name}  {quoted(prompt)}  retries={retries} timeout={minutes}m")
    (job,) = table.jobs
    assert (job.name, job.prompt, job.retries) == (name, prompt, retries)
    assert job.timeout_seconds == minutes * 60
    assert job.trigger.describe() == f"@every {minutes}m"


@settings(max_examples=100, deadline=None)
@given(name=NAMES, lines=st.lists(STRINGS, min_size=1, max_size=6))
def test_a_block_is_read_back(name: str, lines: list[str], read: Read) -> None:
    lines = [f"|{line}" for line in lines]  # a prompt that begins with blanks would be dedented
    (job,) = read(f"@manual {name}\n" + "\n".join(f"    {line}" for line in lines)).jobs
    assert job.prompt == "\n".join(lines)
