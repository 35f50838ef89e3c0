"""Targets: what a call reaches, as its tool says; grants are compared with this, and know no arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Targets:
    """Everything that one call reaches outside the workdir.

    A grant that names hosts covers a call only when the call has hosts and each of them is named; likewise
    for paths.

    Args:
        hosts: canonical names and addresses, as ``core.trust.addresses.canonical_host`` returns them.
        paths: absolute paths.
        recipients: whom it writes to, such as addresses of mail.
    """

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


NO_TARGETS = Targets()


def no_targets(args: Mapping[str, Any]) -> Targets:  # noqa: ARG001  (the default of a declaration)
    """Return no targets: the tool does not say what its calls reach."""
    return NO_TARGETS
