"""Targets: what a call reaches is what grants with hosts and paths are compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scheduler.core.trust.effect import Effect
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.judge import Facts, Refuse, judge
from scheduler.core.trust.marks import NO_MARKS
from scheduler.core.trust.policy import Profile
from scheduler.core.trust.targets import Targets
from scheduler.ports.tool import ToolSpec
from scheduler.tools.fetch import FETCH
from scheduler.views.lint.preflight import _idle_grants
from scheduler.views.rights import rights

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
POST = ToolSpec(
    name="post",
    description="",
    schema={},
    effect=Effect.OPAQUE,
    reads_private=False,
    reads_untrusted=False,
    external=True,
)


def granting(*grants: Grant) -> Profile:
    return Profile("mine", "act", grants)


@pytest.mark.parametrize(
    "pattern, url, granted",
    [
        ("example.org", "https://example.org/x?y=1", True),
        ("a.example.org", "http://A.example.org:8080/", True),
        ("*.example.org", "https://a.b.example.org/", True),
        ("*.example.org", "https://example.org/", False),
        ("*.b.example.org", "https://ab.example.org/", False),
        ("example.org", "https://example.org.evil.test/", False),
        ("example.org", "https://example.org@evil.test/", False),
        ("example.org", "https://evil.test/#@example.org", False),
        ("example.org", "https://evil.test\\@example.org/", False),
        ("example.org", "ftp://example.org/", False),
        ("example.org", "https://ｅxample.org/", False),
        ("example.org", "https://example.org:99999/", False),
        ("*.example.org", "http://evil.test\t.example.org/", False),
        ("example.org", "//example.org/", False),
    ],
)
def test_hosts_of_a_fetch(pattern: str, url: str, granted: bool) -> None:
    args = {"url": url}
    grant = Grant(tool="fetch", hosts=(pattern,))
    assert grant.covers("fetch", args, NOW, FETCH.spec.targets(args)) is granted


@pytest.mark.parametrize(
    "targets, granted",
    [
        (Targets(hosts=("a.example.org",)), True),
        (Targets(hosts=("a.example.org", "b.example.org")), True),
        (Targets(hosts=("a.example.org", "evil.test")), False),
        (Targets(hosts=("A.example.org",)), False),  # not canonical, so it could be meant in two ways
        (Targets(hosts=("evil.test/.example.org",)), False),
        (Targets(paths=("/a.example.org",), recipients=("a.example.org",)), False),
        (Targets(), False),
    ],
)
def test_a_grant_covers_a_call_when_each_of_its_hosts_is_granted(targets: Targets, granted: bool) -> None:
    grant = Grant(tool="post", hosts=("*.example.org",))
    assert grant.covers("post", {"url": "https://a.example.org/"}, NOW, targets) is granted


def test_a_grant_with_hosts_or_paths_covers_no_call_of_a_tool_that_does_not_say_what_it_reaches() -> None:
    args = {"url": "https://example.org/", "path": "/srv/out/a"}
    for grant in (Grant(tool="post", hosts=("example.org",)), Grant(tool="post", paths=("/srv/out",))):
        assert isinstance(judge(POST, args, Facts(granting(grant), NO_MARKS, (), {}, NOW)), Refuse)
        assert not grant.covers("post", args, NOW, POST.targets(args))
        found = rights(POST, granting(grant), (), NOW)
        assert "as granted below" not in found.in_words()
        known = rights(replace(POST, targets=lambda _: Targets()), granting(grant), (), NOW)
        assert "as granted below" in known.in_words()


def test_the_check_names_a_grant_with_hosts_for_a_tool_that_does_not_say_what_it_reaches() -> None:
    grants = (Grant(tool="shell", hosts=("example.org",)), Grant(tool="fetch", hosts=("example.org",)))
    [fault] = _idle_grants(granting(*grants), NOW, {})
    assert "matches nothing: shell does not declare the hosts and paths of its calls" in fault


@pytest.mark.parametrize(
    "path, granted",
    [
        ("/srv/out/a.txt", True),
        ("/srv/out", True),
        ("/srv/outside", False),
        ("/srv/out/../x", False),
        ("/srv/out//../x", False),
        ("srv/out/a", False),
        ("/srv/out/a\0", False),
    ],
)
def test_paths(path: str, granted: bool) -> None:
    grant = Grant(tool="deliver", paths=("/srv/out",))
    assert grant.covers("deliver", {}, NOW, Targets(paths=(path,))) is granted
    assert not grant.covers("deliver", {}, NOW, Targets(paths=(path, "/etc/x"))), "one is not enough"
