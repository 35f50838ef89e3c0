"""A grant: what a person allows in advance, as narrow as they choose."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.core.time.instants import from_iso, to_iso
from scheduler.core.trust.addresses import canonical_host, host_granted
from scheduler.core.trust.exact import exact_name, exact_text
from scheduler.core.trust.targets import NO_TARGETS, Targets
from scheduler.errors import ToolFault

# No metacharacter of a shell, no quote, no control character: a star must not match ``; rm -rf``.
_STAR = re.compile(r"[A-Za-z0-9 _./:=@%+,-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant.

    Args:
        tool: the tool whose calls it allows.
        args: patterns by the argument's name, each for its whole text; ``*`` matches letters, digits,
            blanks and ``_ . / : = @ % + , -``, everything else must be written out.
        hosts: the hosts a call may contact: ``example.org``, or ``*.example.org`` for those below it.
        paths: folders that must contain every path of the call's targets.
        network: whether the call may use the network at all (the shell's sandbox has none otherwise).
        per_day: how many calls it allows on one local day of the job; None: any number.
        expires: from when on it allows nothing.
        exact: the exact arguments, if an approval was given "always"; None for grants of the trust file.
        id: its name in the database; empty for grants of the trust file.
    """

    tool: str
    args: tuple[tuple[str, str], ...] = ()
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    network: bool = False
    per_day: int | None = None
    expires: datetime | None = None
    exact: Mapping[str, Any] | None = None
    id: str = ""

    def is_over(self, now: datetime) -> bool:
        """Whether it has expired."""
        return self.expires is not None and now >= self.expires

    def covers(
        self, tool: str, args: Mapping[str, Any], now: datetime, targets: Targets = NO_TARGETS
    ) -> bool:
        """Whether it allows this call, ignoring the number of calls.

        Args:
            targets: what the call reaches, as declared by its tool.
        """
        if tool != self.tool or self.is_over(now):
            return False
        if self.exact is not None and canonical(args) != canonical(self.exact):
            return False
        if not all(fits(pattern, args.get(name)) for name, pattern in self.args):
            return False
        if self.hosts and not _all(targets.hosts, lambda host: _is_granted(host, self.hosts)):
            return False
        return not self.paths or _all(
            targets.paths, lambda path: any(is_below(folder, path) for folder in self.paths)
        )

    def sample(self) -> dict[str, Any]:
        """Return arguments of a call that it covers, as a sample for the judge; they need not make sense."""
        if self.exact is not None:
            return dict(self.exact)
        return {name: pattern.replace("*", "") for name, pattern in self.args}

    def sample_targets(self) -> Targets:
        """Return the targets of the sample call, if its tool declares any."""
        return Targets(
            hosts=tuple(host.replace("*", "a") for host in self.hosts[:1]),
            paths=tuple(posixpath.join(posixpath.normpath(path), "a") for path in self.paths[:1]),
        )

    def in_words(self) -> str:
        """Return it as text for a person."""
        parts = [self.tool]
        if self.exact is not None:
            shown = ", ".join(
                f"{exact_name(name)}={exact_text(value, quoted=True)}" for name, value in self.exact.items()
            )
            parts.append(f"with exactly {shown}" if shown else "without arguments")
        parts += [f"with {name} like {pattern!r}" for name, pattern in self.args]
        if self.hosts:
            parts.append(f"at {', '.join(self.hosts)}")
        if self.paths:
            parts.append(f"below {', '.join(self.paths)}")
        if self.network:
            parts.append("with the network")
        if self.per_day is not None:
            parts.append(f"{self.per_day} times a day at most")
        if self.expires is not None:
            parts.append(f"until {to_iso(self.expires)}")
        return parts[0] + (": " + ", ".join(parts[1:]) if parts[1:] else ": any call")

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; ``grant_from_json`` reads it back."""
        return {
            "tool": self.tool,
            "args": dict(self.args),
            "hosts": list(self.hosts),
            "paths": list(self.paths),
            "network": self.network,
            "per_day": self.per_day,
            "expires": None if self.expires is None else to_iso(self.expires),
            "exact": None if self.exact is None else dict(self.exact),
        }


def grant_from_json(values: Mapping[str, Any], *, id: str = "") -> Grant:
    """Return what ``to_json`` wrote."""
    expires = values["expires"]
    return Grant(
        tool=values["tool"],
        args=tuple(values["args"].items()),
        hosts=tuple(values["hosts"]),
        paths=tuple(values["paths"]),
        network=values["network"],
        per_day=values["per_day"],
        expires=None if expires is None else from_iso(expires),
        exact=values["exact"],
        id=id,
    )


def fits(pattern: str, value: object) -> bool:
    """Whether a text matches a pattern with stars."""
    if not isinstance(value, str):
        return False
    first, *rest = pattern.split("*")
    if not rest:
        return value == pattern
    *middle, last = rest
    end = len(value) - len(last)
    if not value.startswith(first) or not value.endswith(last) or end < len(first):
        return False
    # From left to right, each part at its first place: one pass, for any text of the agent.
    at = len(first)
    for part in middle:
        found = value.find(part, at, end)
        if found < 0 or not _STAR.match(value[at:found]):
            return False
        at = found + len(part)
    return _STAR.match(value[at:end]) is not None


def canonical(args: Mapping[str, Any]) -> str:
    """Return arguments as JSON in one form: keys sorted, and 1 is neither 1.0 nor true."""
    return json.dumps(dict(args), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _all(reached: Sequence[str], is_granted: Callable[[str], bool]) -> bool:
    """Whether there are targets, and all of them are granted; undeclared targets are not granted."""
    return bool(reached) and all(map(is_granted, reached))


def _is_granted(host: str, patterns: Sequence[str]) -> bool:
    """Whether patterns cover a host; one that is not canonical has two readings, and is never covered."""
    try:
        is_canonical = canonical_host(f"[{host}]" if ":" in host else host) == host
    except ToolFault:
        return False
    return is_canonical and host_granted(host, patterns)


def is_below(folder: str, path: object) -> bool:
    """Whether an absolute path is in a folder, by its text; the tool itself resolves symlinks."""
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        return False
    normal, root = posixpath.normpath(path), posixpath.normpath(folder)
    return normal == path.rstrip("/") and (normal == root or normal.startswith(root.rstrip("/") + "/"))
