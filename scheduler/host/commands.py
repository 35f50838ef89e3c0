"""Find the files that a command of the crontab would run, by parsing it like a shell.

Found are programs, also after common wrappers (``env``, ``timeout``, ``flock``, ...), scripts that are
passed to an interpreter, folders that a command changes into, and the content of ``$( )`` and backticks.
Not found is what a variable names, what an interpreter gets from a pipe or as program text
(``python3 -c``), and what a program reads by itself: configuration, modules, rules.  So commands run outside
the workdirs; this check is an additional protection, for commands that name a workdir.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

_SIGNS = "();<>|&`"
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_INNER = re.compile(r"\$\(|`")

# Programs whose next word is a script or a folder, found in the cwd; those that read one by an option.
_SHELLS = re.compile(r"(?:ba|da|z|k)?sh\Z")
_READERS = re.compile(r"(?:\.|source|cd|pushd|python[\d.]*|perl|ruby|node|php)\Z")
_OPTIONS = re.compile(r"(?:[gm]?awk|sed|g?make|git)\Z")

# Programs whose next word is a program: their options with a value, and the number of words before it.
_STARTERS: dict[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(["!", "{", "}", "if", "then", "elif", "else", "while", "until", "do", "coproc"], ((), 0)),
    **dict.fromkeys(["busybox", "command", "nohup", "setsid", "builtin"], ((), 0)),
    "env": (("-u", "--unset"), 0),
    "exec": (("-a",), 0),
    "flock": (("-w", "--timeout", "-E", "--conflict-exit-code"), 1),
    "ionice": (("-c", "--class", "-n", "--classdata"), 0),
    "nice": (("-n", "--adjustment"), 0),
    "stdbuf": (("-i", "-o", "-e"), 0),
    "sudo": (("-u", "-g", "-h", "-p"), 0),
    "time": (("-f", "-o"), 0),
    "timeout": (("-s", "--signal", "-k", "--kill-after"), 1),
    "xargs": (("-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"), 0),
}


def words_of(command: str) -> list[str]:
    """Return the words of a command; operators of the shell are separate words.

    Raises:
        ValueError: a quote is not closed.
    """
    line = command.replace("\\\n", " ").replace("\n", " ; ")
    words = shlex.shlex(line, posix=True, punctuation_chars=_SIGNS)
    words.whitespace_split = True
    words.commenters = ""
    return list(words)


def is_sign(word: str) -> bool:
    """Whether a word consists of operators of the shell."""
    return bool(word) and set(word) <= set(_SIGNS)


def run_by(command: str) -> Iterator[str]:
    """Yield the words of a command that name what it runs: programs, scripts, and folders that it runs in.

    A script without a slash is yielded as ``./script``, since it is not searched on PATH.
    """
    try:
        words = words_of(command)
    except ValueError:  # perhaps a part of a word
        words = words_of(re.sub(r"['\"\\]", " ", command))
    state = _State()
    for word in words:
        if is_sign(word):
            state = state.behind(word)
            continue
        for inner in _INNER.split(word)[1:]:
            yield from run_by(inner)
        match state.take(word):
            case "text":
                yield from run_by(word)
            case "program":
                yield word
            case "script":
                yield word if "/" in word else f"./{word}"


class _State:
    """The role of the next word of a command."""

    def __init__(self) -> None:
        self._next, self._after, self._name = "program", "", ""
        self._skip = self._before = 0

    def behind(self, sign: str) -> _State:
        """Handle an operator: after a redirection comes a file, after all others a command."""
        if not set(sign) & {"<", ">"} or sign.endswith("("):
            return _State()
        if "<" not in sign or self._next != "script":  # an interpreter without a script reads that file
            self._skip = 1
        return self

    def take(self, word: str) -> str:
        """Return the role of a word: "program", "script", "text" for a command, or "" for anything else."""
        expected = self._next
        if self._skip:
            self._skip -= 1
        elif self._name == "find" and word in ("-exec", "-execdir", "-ok", "-okdir"):
            self._next, self._name = "program", ""
        elif word.startswith("-"):
            self._option(word)
        elif expected == "program" and _ASSIGNMENT.match(word):
            pass
        elif expected == "program" and self._before:
            self._before -= 1
        elif expected and not word.isdigit():  # 2> is a redirection
            self._next, self._after = self._after, ""
            if expected == "program":
                self._begin(os.path.basename(word))
            return expected
        return ""

    def _begin(self, name: str) -> None:
        self._name = name
        if name in _STARTERS:
            self._next, self._before = "program", _STARTERS[name][1]
        elif name in ("eval", "trap"):
            self._next = "text"
        elif _SHELLS.match(name) or _READERS.match(name):
            self._next = "script"

    def _option(self, word: str) -> None:
        name = self._name
        takes = _STARTERS[name][0] if name in _STARTERS else ()
        if _SHELLS.match(name) and self._next == "script" and re.match(r"-\w*[co]\Z", word):
            self._next, self._skip = ("text", 0) if word.endswith("c") else ("script", 1)
        elif (name, word) in (("flock", "-c"), ("env", "-S")):
            self._next = "text"
        elif (_OPTIONS.match(name) and word in ("-f", "-C")) or (name, word) == ("env", "-C"):
            self._next, self._after = "script", self._next
        elif self._next == "script" and word in ("-r", "-I", "--require", "--rcfile", "--init-file"):
            self._after = "script"
        elif word in takes or (self._next == "script" and word in ("-W", "-X")):
            self._skip = 1


def files_run(command: str, cwd: str) -> Iterator[tuple[str, str]]:
    """Yield what a command would run: each as written, and its absolute path, symlinks not resolved.

    Args:
        cwd: where the command runs.
    """
    for word in run_by(command):
        if "/" in word:
            yield word, os.path.join(cwd, os.path.expanduser(word))
