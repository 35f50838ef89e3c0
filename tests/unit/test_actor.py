"""Actors: the text that is stored, and what is no actor."""

from __future__ import annotations

import pytest

from scheduler.core.actor import DAEMON, PERSON, Actor


@pytest.mark.parametrize(
    ("actor", "text", "words"),
    [
        (PERSON, "person", "a person"),
        (DAEMON, "daemon", "the daemon"),
        (Actor.agent("k7q2m4xa"), "agent:k7q2m4xa", "the agent of run k7q2m4xa"),
        (Actor.door("web", "anna"), "door:web:anna", "anna (web)"),
        (Actor.door("web", "sso:anna"), "door:web:sso:anna", "sso:anna (web)"),
    ],
)
def test_an_actor_has_one_text_and_words_for_people(actor: Actor, text: str, words: str) -> None:
    assert (str(actor), actor.words) == (text, words)


def test_what_is_no_actor_is_refused() -> None:
    for door, name in (("", "anna"), ("web", ""), ("web:x", "anna"), ("web", "anna\nperson")):
        with pytest.raises(ValueError, match="is not a name"):
            Actor.door(door, name)
    with pytest.raises(ValueError, match="is not a name for the actor agent"):
        Actor.agent("")
    with pytest.raises(ValueError, match="is not a name for the actor person"):
        Actor("person", "anna")
