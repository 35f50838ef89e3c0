"""The repository holds what belongs to the product, and nothing of the machine that it was written on."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT, tracked

TOP = {
    *("pyproject.toml", "scheduler", "jobs", "tests", "crontab.example", "README.md"),
    *("docs", "bench", ".ci", "Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "constraints.txt"),
    *(".gitignore", ".github"),
}

MACHINE = re.compile(
    r"(?<![\w.$}])/(work|root|Users|mnt|srv/ci|builds|home/(?!me\b|you\b|user\b|ada\b)\w+)/\w"
    r"|/tmp/(pytest-of|bash_jobs)"
    r"|site-packages/",
)
"""A path of somebody's machine."""

INDEX = re.compile(r"--(extra-)?index-url|trusted-host|artifactory|nexus|devpi|:\d{4}/simple", re.I)
"""A private index of packages."""

HOSTS = re.compile(r"https?://([A-Za-z0-9.-]+)")
KNOWN_HOSTS = re.compile(
    r"(.*\.)?(example|e|test|invalid|localhost)(\.(com|org|net|x|test|invalid))?|127\.0\.0\.1|localhost"
    r"|(docs|api|console|platform|www|code)\.(anthropic|claude)\.com|semver\.org|keepachangelog\.com"
    r"|(www\.)?(apple|github|sqlite|python|pypi)\.(com|org)|docs\.python\.org|peps\.python\.org|json-schema\.org",
)

SELF = "tests/house/test_repository.py"


def readable() -> list[str]:
    """Return the tracked text files but this one."""
    return [name for name in tracked() if name != SELF]


def text_of(name: str) -> str:
    """Return a file's text; what is no text is empty."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_only_the_allowed_things_stand_at_the_top() -> None:
    assert {name.split("/")[0] for name in tracked()} <= TOP


def test_no_file_is_tracked_that_a_tool_makes() -> None:
    made = re.compile(r"__pycache__|\.pyc$|\.egg-info|\.db(-wal|-shm)?$|\.DS_Store|\.orig$|\.rej$|~$")
    assert [name for name in tracked() if made.search(name)] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in readable()
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if MACHINE.search(line) or INDEX.search(line)
    ]
    assert not found


def test_no_file_names_a_host_that_a_reader_could_not_reach() -> None:
    attacks = "tests/data/injections/"  # hosts that no reader should reach
    found = {
        f"{name}: {host}"
        for name in readable()
        if not name.startswith(attacks)
        for host in HOSTS.findall(text_of(name))
        if not KNOWN_HOSTS.fullmatch(host)
    }
    assert not found


def test_no_file_holds_a_key() -> None:
    key = re.compile(r"sk-ant-[A-Za-z0-9_-]{16,}|ghp_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|PRIVATE KEY-----")
    made_up = "tests/"  # tests of hiding keys make some up
    found = [name for name in readable() if key.search(text_of(name)) and not name.startswith(made_up)]
    assert found == []


def test_text_files_end_with_one_line_feed_and_have_no_trailing_blanks() -> None:
    for name in readable():
        text = text_of(name)
        if not text or name.endswith((".jsonl", ".txt")) or "/goldens/" in name or "/data/" in name:
            continue
        assert text.endswith("\n"), name
        assert "\r" not in text or name.startswith("tests/"), name


def test_constraints_pin_every_distribution_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( *;.*)?", line), line
    names = [line.partition("==")[0].lower() for line in pins]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "needle",
    [
        *("agentcron demo", "agentcron init", "agentcron up", "agentcron check", "make demo", "sleep"),
        *("ANTHROPIC_API_KEY", "why", "resume", "BUDGET"),
    ],
)
def test_the_readme_tells_how_to_begin(needle: str) -> None:
    assert needle in (ROOT / "README.md").read_text(encoding="utf-8")
