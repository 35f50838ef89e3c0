"""Every group of plug-ins is read in the same way; what is broken or provided twice is one clear error."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from scheduler.adapters.sql import rooms
from scheduler.adapters.sql.rooms import Rooms
from scheduler.app import backends, providers, senders
from scheduler.errors import ConfigError
from scheduler.host import vocabulary
from scheduler.tools import registry, sources
from tests.kit.plug_ins import Distributions

NO_PLUG_IN = 3

GROUPS: list[tuple[str, str, Callable[[], object]]] = [
    (registry.GROUP, "tool", lambda: registry.tool("lamp")),
    (sources.GROUP, "tool source", lambda: sources.find_source("lamp")),
    (providers.GROUP, "provider", lambda: providers.find_provider("lamp:x")),
    (senders.GROUP, "sender", lambda: senders.find_sender("lamp")),
    (backends.GROUP, "backend", lambda: backends.backend("lamp")),
    (rooms.GROUP, "change", Rooms.installed),
    (vocabulary.TRIGGERS, "schedule", lambda: vocabulary.vocabulary().triggers.get("lamp")),
    (vocabulary.OPTIONS_GROUP, "option", lambda: vocabulary.vocabulary().options.get("lamp")),
]


@pytest.mark.parametrize(("group", "noun", "find"), GROUPS)
def test_what_cannot_be_used_is_named_with_its_place(
    distributions: Distributions, group: str, noun: str, find: Callable[[], object]
) -> None:
    distributions.provide(group, "lamp", "no.such.module:LAMP")
    with pytest.raises(ConfigError, match=rf"^the {noun} lamp \(no.such.module:LAMP\) cannot be loaded: Mod"):
        find()
    distributions.install("strangers", f"[{group}]\nlamp = {__name__}:NO_PLUG_IN\n")
    with pytest.raises(ConfigError, match=rf"^the {noun} lamp \({__name__}:NO_PLUG_IN\) is no"):
        find()


@pytest.mark.parametrize(("group", "noun", "find"), GROUPS)
def test_a_name_that_two_distributions_provide_is_refused_and_neither_is_imported(
    distributions: Distributions, group: str, noun: str, find: Callable[[], object]
) -> None:
    distributions.provide(group, "lamp", "no.such.module:LAMP")
    distributions.provide(group, "lamp", "no.other.module:LAMP", "others")
    with pytest.raises(ConfigError) as caught:
        find()
    assert caught.value.message == f"the {noun} lamp is provided twice, by others and strangers"
    assert caught.value.help == "uninstall one of them"


@pytest.mark.parametrize("table", ["memos; DROP TABLE runs", "", "me mos"])
def test_a_change_names_its_tables_plainly(distributions: Distributions, table: str) -> None:
    code = f"from scheduler.toolkit import Room\nLAMP = Room(rows_of_runs={{{table!r}: 'run_id'}})\n"
    (distributions.folder / "odd_room.py").write_text(code)
    distributions.provide(rooms.GROUP, "lamp", "odd_room:LAMP")
    try:
        with pytest.raises(ConfigError, match="has rows_of_runs with a name that SQL would not take"):
            Rooms.installed()
    finally:
        sys.modules.pop("odd_room", None)


def test_an_unknown_name_gets_the_known_ones(distributions: Distributions) -> None:
    with pytest.raises(ConfigError, match="no tool source is called lump") as caught:
        sources.find_source("lump")
    assert caught.value.help == "none is installed"
    with pytest.raises(ConfigError, match="no backend is called lump") as caught:
        backends.backend("lump")
    assert caught.value.help == "known backends: turns"
    distributions.provide(backends.GROUP, "lamp", "no.such.module:LAMP")
    with pytest.raises(ConfigError) as caught:
        backends.backend("lump")
    assert caught.value.help == "did you mean lamp?"
