"""The policy: the profiles of ``trust.toml``, checked; a broken one stops its jobs and widens nothing."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from scheduler.core.text.suggest import did_you_mean
from scheduler.core.trust.grant import Grant
from scheduler.errors import ConfigError

Base = Literal["observe", "propose", "act"]

BASES: tuple[Base, ...] = ("observe", "propose", "act")

DEFAULT_PROFILE = "propose"

IN_WORDS: dict[Base, str] = {
    "observe": "pure tools only: it reads and changes nothing",
    "propose": "free in its own workdir; an effect outside it waits for an approval",
    "act": "free in its own workdir; an effect outside it needs a grant, and is refused without one",
}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z")
_TOP_KEYS = ("default", "profile")
_PROFILE_KEYS = ("base", "expires", "grant")
_GRANT_KEYS = ("tool", "args", "hosts", "paths", "network", "per_day", "expires")


@dataclass(frozen=True, slots=True)
class Profile:
    """What the jobs that name it may do: a base, and grants that a person wrote."""

    name: str
    base: Base
    grants: tuple[Grant, ...] = ()

    @property
    def version(self) -> str:
        """A name for its content: an approval holds for the policy that it was asked under."""
        told = [self.base, [grant.to_json() for grant in self.grants]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


BUILT_IN: Mapping[str, Profile] = {base: Profile(base, base) for base in BASES}


@dataclass(frozen=True, slots=True)
class Policy:
    """All profiles of one home.

    Args:
        default: the profile of jobs that name none.
        broken: by profile, what is wrong with it.
        fault: what is wrong with the file as a whole; then no job may run under it.
    """

    profiles: Mapping[str, Profile] = field(default_factory=lambda: dict(BUILT_IN))
    default: str = DEFAULT_PROFILE
    broken: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    def profile(self, name: str | None) -> Profile:
        """Return the profile of a job that says ``trust=name``, or nothing.

        Raises:
            ConfigError: the file is broken, the profile is, or there is none of that name.
        """
        if self.fault:
            raise ConfigError(self.fault, help="fix the trust file; check it with: agentcron check")
        chosen = name or self.default
        if chosen in self.broken:
            raise ConfigError(self.broken[chosen], help="fix the trust file; check it with: agentcron check")
        if chosen not in self.profiles:
            near = did_you_mean(chosen, self.profiles)
            known = ", ".join(self.profiles)
            raise ConfigError(f'no trust profile "{chosen}"', help=near or f"the profiles are {known}")
        return self.profiles[chosen]


def parse_policy(text: str, file: str) -> Policy:
    """Return the policy that a trust file holds; what is wrong is named in it, never guessed around."""
    try:
        return _policy(tomllib.loads(text), text, file)
    except RecursionError:
        return Policy(fault=f"{file}: it is nested too deeply")
    except (ValueError, OverflowError) as error:
        # Of the reader itself, and of numbers and instants that it takes and Python cannot hold.
        return Policy(fault=f"{file}: {error}")


def _policy(document: dict[str, Any], text: str, file: str) -> Policy:
    try:
        _known(document, _TOP_KEYS, "")
        profiles = _a(dict, document.get("profile", {}), "profile", "a table")
        default = _a(str, document.get("default", DEFAULT_PROFILE), "default", "the name of a profile")
    except ConfigError as error:
        return Policy(fault=f"{file}: {error.message}")
    good, broken = dict(BUILT_IN), {}
    for name, values in profiles.items():
        try:
            good[name] = _profile(name, values)
        except ConfigError as error:
            broken[name] = f"{_place(text, file, name)}: {error.message}"
    if default not in good and default not in broken:
        return Policy(fault=f'{file}: default: no profile "{default}"', broken=broken)
    return Policy(good, default, broken)


def _profile(name: str, values: object) -> Profile:
    where = f"profile.{name}"
    if not _NAME.match(name):
        raise ConfigError(f'"{name}" cannot be the name of a profile')
    if name in BUILT_IN:
        raise ConfigError(f"{where}: {name} is built in; choose another name, with base = {name!r}")
    table = _a(dict, values, where, "a table")
    _known(table, _PROFILE_KEYS, where)
    base = table.get("base", DEFAULT_PROFILE)
    if base not in BASES:
        raise ConfigError(f"{where}.base is one of {', '.join(BASES)}")
    expires = _instant(table.get("expires"), f"{where}.expires")
    grants = _a(list, table.get("grant", []), f"{where}.grant", "a list of tables: [[profile.X.grant]]")
    made = [_grant(each, f"{where}.grant[{number}]", expires) for number, each in enumerate(grants, 1)]
    if base == "observe" and made:
        raise ConfigError(f"{where}: observe takes no grants; for effects use base = 'act'")
    return Profile(name, base, tuple(made))


def _grant(values: object, where: str, expires: datetime | None) -> Grant:
    table = _a(dict, values, where, "a table")
    _known(table, _GRANT_KEYS, where)
    if "tool" not in table:
        raise ConfigError(f"{where} names no tool")
    args = _a(dict, table.get("args", {}), f"{where}.args", "a table of patterns")
    per_day = table.get("per_day")
    if per_day is not None and (not isinstance(per_day, int) or isinstance(per_day, bool) or per_day < 1):
        raise ConfigError(f"{where}.per_day is a whole number of at least 1")
    hosts = tuple(host.lower() for host in _texts(table, "hosts", where))
    for host in hosts:
        if not _HOST.match(host):
            raise ConfigError(f"{where}.hosts: {host!r} is not a host name, optionally with a leading *.")
    paths = _texts(table, "paths", where)
    if "url" in args and not hosts:
        # A star fits `.`, `/` and `@`, so such a pattern would name hosts that nobody meant.
        raise ConfigError(f"{where}.args.url is not a limit by itself; list the hosts too: hosts = [...]")
    for path in paths:
        if not path.startswith("/") or "*" in path or ".." in path.split("/"):
            raise ConfigError(f"{where}.paths: {path!r} is not an absolute folder")
    own = _instant(table.get("expires"), f"{where}.expires")
    return Grant(
        tool=_a(str, table["tool"], f"{where}.tool", "a tool's name"),
        args=tuple((name, _a(str, args[name], f"{where}.args.{name}", "a text")) for name in args),
        hosts=hosts,
        paths=paths,
        network=_a(bool, table.get("network", False), f"{where}.network", "true or false"),
        per_day=per_day,
        # A profile's end is the end of all that it grants.
        expires=min((each for each in (own, expires) if each is not None), default=None),
    )


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    found = _a(list, table.get(key, []), f"{where}.{key}", "a list of texts")
    if key in table and not found:
        # An empty list reads as "none", and no pattern means "any": refuse what can be taken both ways.
        raise ConfigError(f"{where}.{key} is empty; leave it out, or list some")
    return tuple(_a(str, each, f"{where}.{key}", "a list of texts") for each in found)


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            near = did_you_mean(key, keys) or f"known here: {', '.join(keys)}"
            raise ConfigError(f'{where + ": " if where else ""}no key "{key}"; {near}')


def _a(kind: type, value: Any, where: str, what: str) -> Any:
    if not isinstance(value, kind):
        raise ConfigError(f"{where} should be {what}")
    return value


def _instant(value: object, where: str) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigError(f"{where} has no offset; write 2027-01-31T00:00:00Z, or the day alone")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ConfigError(f"{where} is a date or an instant, unquoted: 2027-01-31")


def _place(text: str, file: str, profile: str) -> str:
    """Return ``file:line`` of the first header of a profile; TOML's own reader keeps no lines."""
    header = re.compile(rf"\s*\[\[?\s*profile\s*\.\s*[\"']?{re.escape(profile)}[\"']?\s*[\].]")
    for number, line in enumerate(text.splitlines(), 1):
        if header.match(line):
            return f"{file}:{number}"
    return file
