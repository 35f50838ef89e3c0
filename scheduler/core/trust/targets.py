"""Targets: what a call reaches, as declared by its tool; grants are compared with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Targets:
    """Everything that one call reaches outside the workdir.

    A grant with hosts covers a call only if the call has hosts and each of them is covered; likewise
    for paths.

    Args:
        hosts: canonical names and addresses, as ``core.trust.addresses.canonical_host`` returns them.
        paths: absolute paths.
        recipients: the recipients of messages, such as mail addresses.
    """

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


NO_TARGETS = Targets()


def no_targets(args: Mapping[str, Any]) -> Targets:  # noqa: ARG001  (the default of a declaration)
    """Return no targets: the tool does not declare what its calls reach."""
    return NO_TARGETS
