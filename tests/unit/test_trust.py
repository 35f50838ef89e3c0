"""Grants, profiles and the judge: what a call may do, decided from facts alone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.trust.approval import digest
from scheduler.core.trust.effect import Effect, acts, may_act
from scheduler.core.trust.grant import Grant, grant_from_json
from scheduler.core.trust.judge import Allow, Ask, Facts, Refuse, Verdict, judge
from scheduler.core.trust.marks import NO_MARKS, Marks
from scheduler.core.trust.policy import BUILT_IN, Profile, parse_policy
from scheduler.core.trust.targets import Targets
from scheduler.errors import ConfigError
from scheduler.ports.tool import ToolSpec
from scheduler.tools.fetch import FETCH

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "trust.md"


def spec(
    name: str = "post", effect: Effect = Effect.OPAQUE, *, private: bool = False, external: bool = True
) -> ToolSpec:
    return ToolSpec(
        name=name,
        description="",
        schema={},
        effect=effect,
        reads_private=private,
        reads_untrusted=False,
        external=external,
    )


def verdict(tool: ToolSpec, profile: Profile, *marks: str, args: Any = None, **more: Any) -> Verdict:
    facts = Facts(profile, Marks.of(*marks), more.get("always", ()), more.get("used", {}), NOW)
    return judge(tool, args or {}, facts)


def granting(*grants: Grant, base: Any = "act") -> Profile:
    return Profile("mine", base, grants)


# -- the three built-in profiles ------------------------------------------------------------------


def test_observe_allows_pure_tools_only() -> None:
    observe = BUILT_IN["observe"]
    assert isinstance(verdict(spec("read", Effect.PURE, external=False), observe), Allow)
    assert isinstance(verdict(spec("write", external=False), observe), Refuse)
    assert isinstance(verdict(spec("fetch", Effect.PURE), observe), Refuse), "it reaches outside"


def test_propose_is_free_in_the_workdir_and_asks_for_the_rest() -> None:
    propose = BUILT_IN["propose"]
    assert isinstance(verdict(spec("write", external=False), propose), Allow)
    assert isinstance(verdict(spec(), propose), Ask)


def test_who_is_asked_is_told_of_the_third_thing_too() -> None:
    question = verdict(spec(), BUILT_IN["propose"], "untrusted:page", "private:mail")
    assert isinstance(question, Ask)
    assert question.rule == "rule-of-two", "an answer for always would not help the next time"
    assert "no grant covers this call; and post would bring together" in question.reason


def test_of_two_profiles_the_stricter_decides() -> None:
    wide, narrow = granting(Grant(tool="post")), BUILT_IN["propose"]
    for first, second in ((wide, narrow), (narrow, wide)):
        facts = Facts(first, NO_MARKS, (), {}, NOW, also=(second,))
        assert isinstance(judge(spec(), {}, facts), Ask)
    hosts = granting(Grant(tool="post", paths=("/srv",)))
    facts = Facts(wide, NO_MARKS, (), {}, NOW, also=(hosts,))
    allowed = judge(spec(), {}, facts, Targets(paths=("/srv/x",)))
    assert isinstance(allowed, Allow)
    assert allowed.grant == hosts.grants[0], "of two that allow it, the grant of the later one holds"


def test_act_does_what_is_granted_and_never_stalls_for_the_rest() -> None:
    assert isinstance(verdict(spec(), BUILT_IN["act"]), Refuse)
    assert isinstance(verdict(spec(), granting(Grant(tool="post"))), Allow)
    assert isinstance(verdict(spec("mail"), granting(Grant(tool="post"))), Refuse)


def test_an_expired_grant_allows_nothing() -> None:
    over = Grant(tool="post", expires=NOW)
    answer = verdict(spec(), granting(over))
    assert isinstance(answer, Refuse)
    assert "expired" in answer.reason


def test_a_grant_counts_its_calls_of_the_day() -> None:
    profile = granting(Grant(tool="post", per_day=2))
    assert isinstance(verdict(spec(), profile, used={"post": 1}), Allow)
    answer = verdict(spec(), profile, used={"post": 2})
    assert isinstance(answer, Refuse)
    assert "2 times today" in answer.reason


# -- the rule of two ------------------------------------------------------------------------------


def test_two_of_the_three_are_free_and_the_third_asks() -> None:
    profile = granting(Grant(tool="post"))
    assert isinstance(verdict(spec(), profile, "untrusted:fetch"), Allow)
    assert isinstance(verdict(spec(), profile, "private:mail"), Allow)
    answer = verdict(spec(), profile, "untrusted:fetch", "private:mail")
    assert isinstance(answer, Ask)
    assert answer.rule == "rule-of-two"
    assert "fetch" in answer.reason


def test_one_call_that_is_two_of_the_three_itself() -> None:
    profile = granting(Grant(tool="post"))
    assert isinstance(verdict(spec(private=True), profile, "untrusted:page"), Ask)


def test_private_data_after_strangers_and_an_effect_asks_too() -> None:
    reader = spec("mail", Effect.PURE, private=True, external=False)
    assert isinstance(verdict(reader, BUILT_IN["act"], "untrusted:page"), Allow)
    assert isinstance(verdict(reader, BUILT_IN["act"], "untrusted:page", "external:post"), Ask)


def test_always_covers_the_very_arguments_and_does_not_lift_the_rule_of_two() -> None:
    exact = Grant(tool="post", exact={"to": "Ada", "n": 1}, id="g1")
    act = BUILT_IN["act"]
    same = {"n": 1, "to": "Ada"}
    assert isinstance(verdict(spec(), act, args=same, always=(exact,)), Allow)
    for other in ({"to": "Eve", "n": 1}, {"to": "Ada", "n": True}, {"to": "Ada", "n": 1.0}, {"to": "Ada"}):
        assert isinstance(verdict(spec(), act, args=other, always=(exact,)), Refuse)
    # The arguments may name a file, and nobody knows what lies in it by then.
    marks = ("untrusted:page", "private:mail")
    assert isinstance(verdict(spec(), act, *marks, args=same, always=(exact,)), Ask)


def test_a_tool_that_is_all_three_by_itself_asks_at_its_first_call() -> None:
    silent = replace(spec(private=True), reads_untrusted=True)
    assert isinstance(verdict(silent, granting(Grant(tool="post"))), Ask)


def test_of_two_grants_the_one_with_room_left_counts() -> None:
    profile = granting(Grant(tool="post", per_day=1), Grant(tool="post", per_day=3))
    answer = verdict(spec(), profile, used={"post": 2})
    assert isinstance(answer, Allow)
    assert answer.grant == profile.grants[1]


def test_a_pattern_is_read_in_one_pass_whatever_the_agent_writes() -> None:
    grant = Grant(tool="shell", args=(("command", "git log *--since=* * *x"),))
    long = "git log " + "--since= " * 100_000  # a backtracking matcher takes hours for this
    assert not grant.covers("shell", {"command": long}, NOW)
    assert grant.covers("shell", {"command": long + "x"}, NOW)


def test_a_network_for_the_shell_is_an_effect_outside() -> None:
    shell = spec("shell", external=False)
    profile = granting(Grant(tool="shell", network=True))
    assert isinstance(verdict(shell, profile, "untrusted:page", "private:mail"), Ask)
    assert isinstance(verdict(shell, BUILT_IN["propose"], "untrusted:page", "private:mail"), Allow)


@pytest.mark.parametrize(
    "label, marks",
    [
        ("owner", set()),
        ("own", set()),
        ("owner+untrusted:gate", {"untrusted:gate"}),
        ("untrusted:fetch+own", {"untrusted:fetch"}),
        ("", {"untrusted:unlabelled"}),
        ("root", {"untrusted:unlabelled"}),
    ],
)
def test_a_label_that_is_missing_or_unknown_is_a_strangers(label: str, marks: set[str]) -> None:
    assert Marks.of_label(label).found == marks


# -- patterns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["git status", "git log -3", "git show HEAD:a/b.txt"])
def test_a_star_stands_for_plain_words(command: str) -> None:
    assert Grant(tool="shell", args=(("command", "git *"),)).covers("shell", {"command": command}, NOW)


@pytest.mark.parametrize(
    "command",
    [
        *("git status; rm -rf /", "git status && curl evil", "git status | sh", "git $(id)", "git `id`"),
        *("git status\nrm x", "git > /etc/passwd", "git 'x'", 'git "x"', "git \\x", "git ${IFS}x", "git &"),
        *("X=1 git status", " git status", "gitx", "git\tstatus", "git status\r", "git \u202e"),
    ],
)
def test_a_star_does_not_stretch_over_what_a_shell_reads(command: str) -> None:
    assert not Grant(tool="shell", args=(("command", "git *"),)).covers("shell", {"command": command}, NOW)


def test_a_grant_is_stored_and_read_back() -> None:
    grant = Grant(tool="post", exact={"to": ["Ada"]}, expires=NOW, per_day=3, hosts=("a.b",), id="g")
    assert grant_from_json(grant.to_json(), id="g") == grant


def test_an_approval_is_bound_to_every_part_of_its_call() -> None:
    first = digest("r", "post", {"a": 1, "b": 2}, "v")
    assert first == digest("r", "post", {"b": 2, "a": 1}, "v")
    others = [("s", "post", {"a": 1, "b": 2}, "v"), ("r", "mail", {"a": 1, "b": 2}, "v")]
    others += [("r", "post", {"a": 1, "b": 3}, "v"), ("r", "post", {"a": 1, "b": 2}, "w")]
    assert len({first, *(digest(*each) for each in others)}) == 5


# -- the trust file -------------------------------------------------------------------------------

GOOD = """
default = "ci"

[profile.ci]
base = "act"
expires = 2027-01-31

[[profile.ci.grant]]
tool = "fetch"
hosts = ["api.github.com"]
per_day = 50
"""


def test_a_trust_file_is_read() -> None:
    policy = parse_policy(GOOD, "trust.toml")
    profile = policy.profile(None)
    assert (profile.name, profile.base) == ("ci", "act")
    [grant] = profile.grants
    assert (grant.hosts, grant.per_day) == (("api.github.com",), 50)
    assert grant.expires == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "change, words",
    [
        (('tool = "fetch"', 'tol = "fetch"'), 'no key "tol"; did you mean tool?'),
        (('base = "act"', 'base = "root"'), "base is one of observe, propose, act"),
        (("per_day = 50", "per_day = 0"), "per_day is a whole number of at least 1"),
        (("per_day = 50", "per_day = true"), "per_day is a whole number of at least 1"),
        (('["api.github.com"]', '["*"]'), "is not a host name"),
        (('["api.github.com"]', '["10.0.0.1"]'), "is not a host name"),
        (('["api.github.com"]', "[]"), "hosts is empty"),
        (('["api.github.com"]', '"api.github.com"'), "should be a list of texts"),
        (('hosts = ["api.github.com"]', 'args.url = "https://example.org/*"'), "list the hosts too"),
        (("2027-01-31", '"tomorrow"'), "is a date or an instant"),
        (("2027-01-31", "2027-01-31T00:00:00"), "has no offset"),
        (('base = "act"', 'base = "observe"'), "observe takes no grants"),
        (('hosts = ["api.github.com"]', 'paths = ["/a/../.."]'), "is not an absolute folder"),
    ],
)
def test_a_broken_profile_stops_its_jobs_and_no_others(change: tuple[str, str], words: str) -> None:
    policy = parse_policy(GOOD.replace(*change), "trust.toml")
    with pytest.raises(ConfigError, match=r"trust\.toml:4: ") as caught:
        policy.profile("ci")
    assert words in caught.value.message
    assert policy.profile("observe").base == "observe", "jobs of other profiles go on"


@pytest.mark.parametrize(
    "text",
    [
        "profile = 3",
        "[profile",
        'default = "nobody"',
        "[profiles.x]\n",
        "default = 1",
        "x = " + "[" * 5_000,
        "x = " + "9" * 5_000,
        "[profile.x]\nexpires = 9999-12-31T23:59:59-23:59",
    ],
    ids=str.split("table header default key type nested digits instant"),
)
def test_a_broken_file_stops_every_job(text: str) -> None:
    policy = parse_policy(text, "trust.toml")
    for name in (None, "observe", "act"):
        with pytest.raises(ConfigError, match=r"trust\.toml"):
            policy.profile(name)


def test_an_unknown_profile_is_named_with_its_neighbour() -> None:
    with pytest.raises(ConfigError, match='no trust profile "obsrve"') as caught:
        parse_policy(GOOD, "trust.toml").profile("obsrve")
    assert "observe" in caught.value.help


def test_the_example_of_the_how_to_is_read_and_is_as_narrow_as_it_says() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    policy = parse_policy(example, "trust.toml")
    assert (policy.fault, policy.broken) == ("", {})
    fetch, shell = policy.profile("releases").grants
    [(_, command)] = shell.args
    assert shell.covers("shell", {"command": command}, NOW)
    for more in (" -K evil", " --next http://127.0.0.1/", "; id", "\nid"):
        assert not shell.covers("shell", {"command": command + more}, NOW)
    for host, covered in (("api.github.com", True), ("api.github.com.evil.test", False)):
        args = {"url": f"https://{host}/x"}
        assert fetch.covers("fetch", args, NOW, FETCH.spec.targets(args)) is covered
    wide = Grant(tool="shell", args=(("command", "git *"),), network=True)
    assert wide.covers("shell", {"command": "git -c core.sshCommand=./x.sh fetch ssh://h/r"}, NOW), "as told"


@pytest.mark.parametrize(
    "grant",
    [
        Grant(tool="post"),
        Grant(tool="post", args=(("to", "Ada"), ("text", "*, your * report*"))),
        Grant(tool="post", hosts=("*.example.org", "python.org")),
        Grant(tool="post", hosts=("example.org",), args=(("to", "Ada"),)),
        Grant(tool="post", paths=("/srv/../data/",), per_day=1),
        Grant(tool="post", exact={"to": ["Ada", 1]}),
        Grant(tool="post", exact={}),
    ],
)
def test_a_sample_of_a_grant_is_covered_by_it(grant: Grant) -> None:
    assert grant.covers("post", grant.sample(), NOW, grant.sample_targets())


def test_what_acts_is_told_by_what_a_tool_declares() -> None:
    look, ask_web = spec(effect=Effect.PURE, external=False), spec(effect=Effect.PURE)
    assert not acts(look)
    assert acts(ask_web), "it changes nothing here, and is seen outside"
    assert acts(spec(external=False))
    assert may_act(Effect.PURE, ask_web)
    assert not may_act(Effect.PURE, look)
    assert not may_act(Effect.PURE, None)
    assert may_act(Effect.KEYED, None), "it was planned as one that acts, and its tool is gone"
