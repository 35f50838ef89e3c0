"""Shell commands: rewrite an ordinary cron line as a job.

The first line of most users is one from their old crontab.  It is refused, with the same line rewritten as
help, so that it can be pasted back.
"""

from __future__ import annotations

import re

from scheduler.core.crontab.scan import Token, quoted

MAX_NAME_CHARS = 64

NAME_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")

# Words before a command that do not describe what it does.
_WRAPPERS = frozenset(
    {"sudo", "nice", "ionice", "nohup", "time", "exec", "env", "bash", "sh", "root", "timeout"}
)

_METACHARACTERS = re.compile(r"[|&;<>$`(){}*?~\\]")
_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_SIGNS = re.compile(r"/|[|&;<>$`~]|\A-|\A\.|\.(?:sh|py|pl|rb|js|php)\Z")
_PROMPT_FILE = re.compile(r"[\w./-]+\.(?:md|txt|markdown)\Z")

# Names that a job could have; followed by bare words and without a prompt they are commands.
_COMMANDS = frozenset({
    "awk", "bash", "cat", "cd", "claude", "cp", "curl", "date", "docker", "echo", "find", "git", "grep",
    "gzip", "ls", "make", "mkdir", "mv", "mysqldump", "node", "npm", "npx", "perl", "pg_dump", "php", "pip",
    "python", "python3", "rm", "rsync", "ruby", "scp", "sed", "sh", "ssh", "sudo", "systemctl", "tar", "test",
    "touch", "uv", "wget",
})  # fmt: skip


def is_command(tokens: tuple[Token, ...], *, has_prompt: bool) -> bool:
    """Whether the tokens after a schedule are a shell command rather than a name, a prompt and options.

    Args:
        has_prompt: an indented block follows.
    """
    if not tokens:
        return False
    first = tokens[0]
    if first.kind == "option":  # FOO=bar command; but tz=UTC is an option whose job name is missing
        return first.key.isupper()
    if first.kind != "word":
        return False
    others = [token.text for token in tokens[1:] if token.kind == "word"]
    if _SIGNS.search(first.text) and not (NAME_LIKE.match(first.text) and not others):
        return True
    if any(_SIGNS.search(text) and not _PROMPT_FILE.match(text) for text in others):
        return True
    quoted_prompt = any(token.kind in ("string", "file") for token in tokens)
    return bool(others) and first.text in _COMMANDS and not quoted_prompt and not has_prompt


def rewritten(schedule: str, command: str, tokens: tuple[Token, ...]) -> str:
    """Return a job line that does with an agent what ``command`` does in cron.

    A quoted text of the command becomes the prompt.  Without one, a plain command becomes the gate: it runs
    first, and its output is passed to the agent.

    Args:
        schedule: as written.
        command: the rest of the line, as written.
        tokens: the same, scanned.
    """
    name = _name(tokens)
    command = command.removeprefix("root ").lstrip()  # the user column of /etc/crontab
    prompt = next((t.value for t in tokens if t.kind == "string" and t.value.strip()), None)
    if prompt is not None:
        return f"{schedule}  {name}  {quoted(prompt)}{_model(tokens)}"
    line = f"{schedule}  {name}  {quoted('Say what matters in this output.')}"
    if _METACHARACTERS.search(command) or "%" in command or '"' in command:
        return f"{schedule}  {name}  {quoted('Say here what the agent should do.')}"
    return f"{line}  gate={quoted(command)}"


def _model(tokens: tuple[Token, ...]) -> str:
    """Return the option for the model in an agent's own command line, unless it is an abbreviation."""
    words = [token.text for token in tokens]
    if "--model" not in words[:-1]:
        return ""
    model = words[words.index("--model") + 1]
    return f"  model={model}" if model.startswith("claude-") and NAME_LIKE.match(model) else ""


def _name(tokens: tuple[Token, ...]) -> str:
    words = [token.text for token in tokens if token.kind == "word"]
    if "&&" in words and words[0] == "cd":
        words = words[words.index("&&") + 1 :]
    for word in words:
        base = word.rstrip("/").rpartition("/")[2]
        if base in _WRAPPERS or word.startswith("-") or word[:1].isdigit():
            continue
        name = _NOT_OF_A_NAME.sub("-", base).strip("-._0123456789")[:MAX_NAME_CHARS]
        if name[:1].isalpha():
            return name
    return "my-job"
