"""Output helpers of all verbs: errors, hints, JSON, sizes and tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from scheduler.core.text.safe import cells, safe_text


def complain(message: str, help: str = "") -> None:
    """Print one error to stderr: what and where, then how to fix it."""
    click.echo(f"error: {safe_text(message)}", err=True)
    if help:
        click.echo(f"  help: {safe_text(help)}", err=True)


def hint(text: str) -> None:
    """Print a remark about the answer to stderr, so that pipes stay clean."""
    click.echo(safe_text(text, multiline=True), err=True)


def say(text: str = "") -> None:
    """Print one line of the answer."""
    click.echo(safe_text(text, multiline=True))


def print_json(value: Any) -> None:
    """Print a value as JSON: keys in their order, ASCII only, so that it cannot control a terminal."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def has_colour() -> bool:
    """Whether stdout takes colour: it is a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def size(count: int) -> str:
    """Return a number of bytes for people: ``812 bytes``, ``12.3 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} bytes"
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count / 1e3:.1f} kB"


def quoted(path: object) -> str:
    """Return a path quoted for a shell."""
    from shlex import quote

    return quote(str(path))


def table(rows: Sequence[Sequence[str]], *, gap: int = 2, width: int = 80, flexible: int = -1) -> list[str]:
    """Return rows as aligned lines of at most ``width`` cells; the ``flexible`` column is cut to fit.

    The first row is the heading.
    """
    clean = [[safe_text(cell) for cell in row] for row in rows]
    count = max(len(row) for row in clean)
    flexible %= count
    widths = [max(cells(row[i]) for row in clean if i < len(row)) for i in range(count)]
    spare = width - sum(widths) - gap * (count - 1)
    widths[flexible] = max(8, min(widths[flexible], widths[flexible] + spare))
    lines = []
    for row in clean:
        parts = [cut(cell, widths[i]) for i, cell in enumerate(row)]
        padded = [part + " " * (widths[i] - cells(part)) for i, part in enumerate(parts)]
        lines.append((" " * gap).join(padded).rstrip())
    return lines


def cut(text: str, width: int) -> str:
    """Return ``text``, shortened with an ellipsis if it is wider than ``width`` cells."""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[:-1]
    return text + "…"
