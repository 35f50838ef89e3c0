"""Commands of the crontab, looked at as a shell reads them: which files they would run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

# Programs that read their next word as a script, found in the working directory; and those that run it as a
# program, found on PATH.
_READERS = re.compile(r"(?:(?:ba|da|z|k)?sh|\.|source|python[\d.]*|perl|ruby|node)\Z")
_STARTERS = re.compile(r"(?:env|exec|nohup|nice|timeout|command|sudo|xargs|!|if|then|else|while|until|do)\Z")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_NUMBER = re.compile(r"[\d.]+[smhd]?\Z")
_SIGNS = frozenset("();<>|&")


def words_of(command: str) -> list[str]:
    """Return the words of a command; signs of the shell are words of their own.

    Raises:
        ValueError: a quote is not closed.
    """
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    return list(words)


def is_sign(word: str) -> bool:
    """Whether a word consists of signs of the shell."""
    return bool(word) and set(word) <= _SIGNS


def run_by(command: str) -> Iterator[str]:
    """Yield the words of a command that name files to run: programs, and scripts given to an interpreter.

    A script without a slash is yielded as ``./script``, since it is not looked for on PATH.
    """
    try:
        words = words_of(command)
    except ValueError:
        return
    expected: str | None = "program"
    for word in words:
        if is_sign(word):
            # Behind a redirection stands a file, behind everything else a command.
            expected = None if set(word) & {"<", ">"} else "program"
        elif expected == "text":
            yield from run_by(word)
            expected = None
        elif expected == "script" and word == "-c":
            expected = "text"
        elif expected is None or word.startswith("-") or _ASSIGNMENT.match(word) or _NUMBER.match(word):
            continue
        else:
            yield word if expected == "program" or "/" in word else f"./{word}"
            name = os.path.basename(word)
            follows = "program" if _STARTERS.match(name) else None
            expected = "script" if expected == "program" and _READERS.match(name) else follows


def files_run(command: str, cwd: str) -> Iterator[tuple[str, str]]:
    """Yield the files that a command would run: each as it is written, and its real path.

    What the command names by a variable, or what a program reads by itself (``make``, ``git``), is not seen.

    Args:
        cwd: where the command runs.
    """
    for word in run_by(command):
        if "/" in word:
            yield word, os.path.realpath(os.path.join(cwd, os.path.expanduser(word)))


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
