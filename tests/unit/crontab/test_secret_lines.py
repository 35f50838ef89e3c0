"""``SECRET.NAME = ...``: a line that says where a secret is, and never the secret itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scheduler.core.crontab.load import Table

Read = Callable[..., Table]


def test_secrets_are_references_that_hold_for_the_jobs_below(read: Read) -> None:
    table = read(
        '@manual first "Hi"\n'
        "SECRET.A = env:A_TOKEN   # a note\n"
        "SECRET.B = file:/etc/b\n"
        '@manual second "Hi"\n'
        'SECRET.A = "keyring:a b"\n'
        '@manual third "Hi"\n'
    )
    first, second, third = table.jobs
    assert table.problems == ()
    assert first.secrets == ()
    assert dict(second.secrets) == {"A": "env:A_TOKEN", "B": "file:/etc/b"}
    assert dict(third.secrets) == {"A": "keyring:a b", "B": "file:/etc/b"}


@pytest.mark.parametrize(
    ("line", "code", "help"),
    [
        ("SECRET.A = hunter2hunter2", "E11", "env:NAME, file:PATH or keyring:NAME"),
        ("SECRET.A = envv:A", "E11", "did you mean env?"),
        ("SECRET.A = env:", "E11", "env:NAME"),
        ("SECRET.A = env:hunter2 hunter2", "E11", "env:TOKEN"),
        ("SECRET.A = file:b", "E11", ""),
        ("SECRET.A-B = env:A", "E11", "SECRET.TOKEN"),
        ("SECRET. = env:A", "E11", "SECRET.TOKEN"),
        ("secret.A = env:A", "E10", "did you mean SECRET.A?"),
        ("SECRETS = env:A", "E10", "SECRET.X"),
    ],
)
def test_a_secret_that_is_no_reference_is_refused_and_not_repeated(
    line: str, code: str, help: str, read: Read
) -> None:
    table = read(f'SECRET.A = env:OLD\n{line}\n@manual job "Hi"\n')
    (problem,) = (each for each in table.problems if each.severity == "error")
    assert problem.code == code
    assert help in problem.help
    assert "hunter2" not in problem.message + problem.help
    assert (("A", "env:OLD") in table.jobs[0].secrets) == (not line.startswith("SECRET.A ="))


def test_a_secret_on_a_job_s_line_is_told_where_it_belongs(read: Read) -> None:
    (problem,) = read('@manual job "Hi" secret.A=env:A').problems
    assert (problem.code, "SECRET.NAME = env:NAME" in problem.help) == ("E10", True)
