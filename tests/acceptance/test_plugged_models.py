"""A model of a plug-in: it answers runs, and what it lacks is told before one begins."""

from __future__ import annotations

import json

import pytest

from tests.kit.person import ask
from tests.kit.processes import Installation

pytestmark = pytest.mark.process


def test_a_model_of_a_plug_in_answers_a_run_and_has_its_price(place: Installation) -> None:
    place.crontab('@manual  bird  "Say hello."  model=parrot:grey\n')
    ask(place, "check").is_fine("No errors")
    said = ask(place, "run", "bird", "--wait", "--json")
    run = json.loads(said.out)
    assert run["state"] == "succeeded", said
    assert run["summary"].startswith("parrot:grey says: ")
    assert run["cost_usd"] == 0.001


def test_what_a_model_lacks_is_told_and_begins_nothing(place: Installation) -> None:
    place.crontab('@manual  bird  "Say hello."  model=parrot:macaw\n')
    ask(place, "check").is_fine("the macaw has lost its voice; 1 job needs it (bird)", "give it a nut")
    said = ask(place, "run", "bird", "--wait")
    said.is_error(5, "the macaw has lost its voice; 1 job needs it (bird)", "give it a nut")
    doctor = json.loads(ask(place, "doctor", "--json").out)
    [key] = [each for each in doctor["checks"] if each["name"] == "key"]
    assert (key["text"], key["fix"]) == (
        "the macaw has lost its voice; needed by 1 job (bird)",
        "give it a nut",
    )


@pytest.mark.parametrize(
    ("model", "problem", "hint"),
    [
        ("parrot:pink", "parrot:pink is no parrot", "there are parrot:grey and parrot:macaw"),
        ("gpt-17", "no provider has a model called gpt-17", "parrot:grey, parrot:macaw (parrot)"),
    ],
)
def test_a_model_that_does_not_exist_is_an_error_of_its_line(
    place: Installation, model: str, problem: str, hint: str
) -> None:
    place.crontab(f'@manual  bird  "Say hello."  model={model}\n')
    said = ask(place, "check")
    assert said.status == 1
    assert f"E11 model: {problem}" in said.out
    assert hint in said.out
    ask(place, "run", "bird", "--wait")
    [run] = json.loads(ask(place, "list", "--json").out)["runs"]
    assert (run["state"], run["reason_code"]) == ("parked", "key"), "it goes on when the plug-in is there"
    assert problem in run["reason"]
