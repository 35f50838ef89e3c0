"""The tree under the house's rules: its files, its modules and its words, read without importing anything."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scheduler"

FLOORS = (
    "doors",
    "testing",
    "app",
    "views",
    "adapters",
    "tools",
    "duties",
    "config",
    "engine",
    "host",
    "toolkit",
    "ports",
    "core",
    "errors",
    "crash",
)
"""From the top down, as the import contract says."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def tracked() -> tuple[str, ...]:
    """Return the paths of all files that belong to the repository; without one, of all Python files."""
    try:
        out = subprocess.run(
            ["git", "ls-files", "--cached", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        found = [path for top in ("scheduler", "tests") for path in (ROOT / top).rglob("*.py")]
        return tuple(sorted(str(path.relative_to(ROOT)) for path in found))
    return tuple(sorted(name for name in out.split("\0") if name and (ROOT / name).is_file()))


def python_files(*tops: str) -> list[str]:
    """Return the tracked Python files below these folders."""
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in tops]


@cache
def parsed(name: str) -> ast.Module:
    """Return a file as a tree."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def functions(name: str) -> Iterator[tuple[str, int]]:
    """Yield every function of a file with its length in lines, decorators and docstring not counted."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            begin = node.lineno
            if ast.get_docstring(node) is not None and len(node.body) > 1:
                begin = node.body[1].lineno - 1
            yield node.name, node.end_lineno - begin + 1


def names(name: str) -> Iterator[str]:
    """Yield every name that a file gives to something."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, Definition):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def words(name: str) -> list[str]:
    """Return the words that a name is made of, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def texts(name: str) -> Iterator[str]:
    """Yield the texts of a file that may reach a person: no docstrings, no lone keys."""
    tree = parsed(name)
    documentation = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documentation.add(id(node.value))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in documentation:
            continue
        if isinstance(node.value, str) and " " in node.value:
            yield node.value


def first_line(name: str) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(parsed(name)) or ""
    return text.partition("\n")[0].strip()
