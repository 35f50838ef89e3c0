"""Redaction: a secret is found in every form in which a program prints it, and nothing else is."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.run.conversation import Call, Message
from scheduler.core.run.step import Step
from scheduler.core.text.redact import Redactor, _forms
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import Marks
from tests.kit.secrets import forms

SECRET = 'cana/ry+47 11?"ü~'
NAME = "[secret TOKEN]"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REDACTOR = Redactor({"TOKEN": frozenset({SECRET})})


@pytest.mark.parametrize("form", forms(SECRET))
def test_a_secret_is_found_in_every_form(form: str) -> None:
    text = forms(SECRET)[form]
    shown = REDACTOR.text(f"before {text} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert NAME in shown
    assert len(shown) <= len(f"before {NAME} after") + 16, "a few characters hold neighbours, too"


@pytest.mark.parametrize("alignment", range(3))
def test_base64_is_found_where_lines_are_folded(alignment: int) -> None:
    secret = "a-long-token-" + "0123456789abcdef" * 6
    encoded = base64.b64encode(b"x" * alignment + secret.encode()).decode()
    for fold in ("\n", "\r\n", "\\n"):
        shown = Redactor({"T": frozenset({secret})}).text(fold.join(textwrap.wrap(encoded, 76)))
        assert "[secret T]" in shown
        assert len(shown) < 20


def test_the_lines_of_a_long_secret_are_secrets_and_its_frame_is_not() -> None:
    frame = "-----BEGIN SOMETHING-----"
    secret = f"{frame}\n{'q' * 20}\n{'w' * 20}\nshort\n"
    redactor = Redactor({"T": frozenset({secret})})
    assert redactor.text(f"{frame} {'w' * 20} short") == f"{frame} [secret T] short"
    assert redactor.text(secret) == "[secret T]\n"
    assert redactor.text(secret.replace("\n", "\r\n")).strip() == "[secret T]"


def test_ordinary_text_stays_as_it_is() -> None:
    for text in ("", "a canary sings", SECRET[:-1], SECRET.upper(), base64.b64encode(b"else" * 9).decode()):
        assert REDACTOR.text(text) == text
    assert Redactor({}).text(SECRET) == SECRET
    assert Redactor({"SHORT": frozenset({"abc"})}).text("abcabc") == "abcabc"


class Kind(StrEnum):
    """A member of this is no text, though it is a str."""

    ODD = SECRET


@dataclass(frozen=True)
class Row:
    """Something that is stored."""

    text: str
    number: int
    rest: object = None


def test_a_value_of_any_shape_is_gone_through() -> None:
    row = Row(f"a {SECRET}", 7, ({"k": [SECRET, 1, None]}, {SECRET: Row("x", 1, SECRET)}, Kind.ODD))
    assert REDACTOR.hidden(row) == Row(
        f"a {NAME}", 7, ({"k": [NAME, 1, None]}, {NAME: Row("x", 1, NAME)}, Kind.ODD)
    )
    clean = Row("x", 1, (1, "y"))
    assert REDACTOR.hidden(clean) is clean


@given(
    st.text(min_size=8, max_size=40).filter(lambda text: text.strip("\r\n") == text), st.binary(max_size=5)
)
def test_no_secret_survives(secret: str, before: bytes) -> None:
    try:
        data = secret.encode()
    except UnicodeEncodeError:
        return
    redactor = Redactor({"T": frozenset({secret})})
    assert redactor.text(secret) == "[secret T]"
    assert redactor.text(quote(secret, safe="")) == "[secret T]"
    assert "[secret T]" in redactor.text(base64.b64encode(before + data).decode())
    assert redactor.text(data.hex()) == "[secret T]"


def test_the_longest_secret_goes_first_whatever_the_names_are() -> None:
    redactor = Redactor({"A": frozenset({"short-secret"}), "Z": frozenset({"short-secret-and-more"})})
    assert redactor.text("x short-secret-and-more y") == "x [secret Z] y"


def test_a_secret_that_reads_like_a_mark_rewrites_no_mark() -> None:
    redactor = Redactor({"T": frozenset({"untrusted"})})
    step = Step(
        at=datetime(2026, 11, 23, tzinfo=UTC), marks=Marks.of("untrusted:fetch"), reason="it is untrusted"
    )
    hidden = redactor.hidden(step)
    assert (hidden.marks, hidden.reason) == (Marks.of("untrusted:fetch"), "it is [secret T]")


HOSTILE_SECRETS = (
    "/abcdefghijKLMN0123456789",
    "$6$salt$abcdefghijklmnop",
    "'\"`$/ <>&\n'\"`$/ <>&",
    "ü" * 8,
    "0" * 40,
    '{\n  "type": "service_account",\n  "private_key_id": "0123456789abcdef"\n}',
)


def repetitions(parsed: Any) -> Iterator[int]:
    """Yield the bounds of all repetitions in a pattern, as Python's own parser sees it."""
    for operator, argument in parsed:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            yield argument[1]
            yield from repetitions(argument[2])
        elif operator is constants.SUBPATTERN:
            yield from repetitions(argument[3])
        elif operator is constants.BRANCH:
            for branch in argument[1]:
                yield from repetitions(branch)


@pytest.mark.parametrize("secret", HOSTILE_SECRETS)
def test_no_pattern_repeats_anything_without_a_bound(secret: str) -> None:
    """A text of 100,000 backslashes would cost the square of its length, and everybody would wait for it."""
    bounds = [n for form in _forms(secret) for n in repetitions(parser.parse(form.pattern.pattern))]
    assert bounds, "there are some"
    assert max(bounds) <= 16


def test_arguments_of_a_call_have_no_words_that_are_left_alone() -> None:
    words = {"type": SECRET, "id": SECRET, "tool_use_id": [SECRET], "deeper": {"signature": SECRET}}
    hidden = {"type": NAME, "id": NAME, "tool_use_id": [NAME], "deeper": {"signature": NAME}}
    block = {"type": "tool_use", "id": SECRET, "name": "post", "input": words}
    assert REDACTOR.hidden((block,)) == ({**block, "input": hidden},)
    call = Call("t1", 1, 0, "post", words, Effect.OPAQUE, "k1")
    assert REDACTOR.hidden(call).args == hidden


def test_words_of_ours_are_left_alone_whatever_the_secret_is() -> None:
    for word in ("assistant", "tool_use", "end_turn", "signature"):
        redactor = Redactor({"X": frozenset([word])})
        block = {"type": "tool_use", "tool_use_id": "t1", "signature": "s"}
        message = Message(1, "assistant", (block,), "own", NOON, "tool_use")
        assert redactor.hidden(message) == message
