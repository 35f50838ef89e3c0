"""The file tools: confined to the workdir, capped, and honest after a crash."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.trust.effect import Effect
from scheduler.engine.schema import wrong_arguments
from scheduler.errors import ToolFault
from scheduler.ports.tool import Probe, ToolContext
from scheduler.toolkit import FunctionTool
from scheduler.tools.files import EDIT, GLOB, READ, WRITE


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_text("secret")
    place = tmp_path / "work"
    place.mkdir()
    return place


async def use(tool: FunctionTool, workdir: Path, **args: Any) -> Any:
    return await tool.call(args, context(workdir))


def context(workdir: Path) -> ToolContext:
    return ToolContext(run_id="r", job="j", workdir=str(workdir), key="k", env={})


async def test_write_read_and_edit_keep_bytes_exactly(workdir: Path) -> None:
    await use(WRITE, workdir, file_path="deep/er/a.txt", content="one\r\ntwö\n")
    assert (workdir / "deep/er/a.txt").read_bytes() == "one\r\ntwö\n".encode()
    await use(EDIT, workdir, file_path="deep/er/a.txt", old_string="one", new_string="three")
    assert await use(READ, workdir, file_path="deep/er/a.txt") == "three\r\ntwö\n"
    assert await use(READ, workdir, file_path="deep/er/a.txt", view_range=[2, -1]) == "twö\n"


ESCAPES = [
    "../outside.txt",
    "a/../../outside.txt",
    "{outside}",
    "link",
    "dangling",
    "dir/outside.txt",
    "loop",
]


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("tool", [READ, WRITE, EDIT], ids=lambda t: t.spec.name)
async def test_no_path_leads_out_of_the_workdir(workdir: Path, path: str, tool: FunctionTool) -> None:
    outside = workdir.parent / "outside.txt"
    (workdir / "link").symlink_to(outside)
    (workdir / "dangling").symlink_to(workdir.parent / "new.txt")
    (workdir / "dir").symlink_to(workdir.parent)
    (workdir / "loop").symlink_to("loop")
    args: dict[str, Any] = {"file_path": path.format(outside=outside)}
    if tool is WRITE:
        args["content"] = "x"
    if tool is EDIT:
        args |= {"old_string": "secret", "new_string": "x"}
    with pytest.raises(ToolFault, match=r"outside|too many levels"):
        await use(tool, workdir, **args)
    assert outside.read_text() == "secret"
    assert not (workdir.parent / "new.txt").exists()


@pytest.mark.parametrize("tool", [READ, WRITE, EDIT], ids=lambda t: t.spec.name)
async def test_a_folder_that_becomes_a_symlink_behind_the_check_leads_nowhere(
    workdir: Path, tool: FunctionTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that runs beside the call exchanges the folder between the look and the opening."""
    (workdir / "folder").mkdir()
    (workdir / "folder" / "outside.txt").write_text("secret of its own")

    def exchange(*_: object, **__: object) -> None:
        (workdir / "folder").rename(workdir / "away")
        (workdir / "folder").symlink_to(workdir.parent)

    monkeypatch.setattr("scheduler.tools.files.refuse_special", exchange)
    args: dict[str, Any] = {"write": {"content": "x"}, "edit": {"old_string": "s", "new_string": "x"}}
    with pytest.raises(ToolFault, match=r"Not a directory|symbolic links"):
        await use(tool, workdir, file_path="folder/outside.txt", **args.get(tool.spec.name, {}))
    assert (workdir.parent / "outside.txt").read_text() == "secret"


async def test_lines_of_a_file_that_is_too_large_as_a_whole(workdir: Path) -> None:
    (workdir / "big").write_bytes(b"".join(b"%d\n" % number for number in range(1_000_000)))
    assert await use(READ, workdir, file_path="big", view_range=[500_001, 500_002]) == "500000\n500001"
    with pytest.raises(ToolFault, match=r"big is 6888890 bytes, exceeds 262144-byte limit"):
        await use(READ, workdir, file_path="big")


async def test_an_absolute_path_inside_the_workdir_is_fine(workdir: Path) -> None:
    (workdir / "a").write_text("1")
    (workdir / "inner").symlink_to("a")
    assert await use(READ, workdir, file_path=str(workdir / "a")) == "1"
    assert await use(READ, workdir, file_path="inner") == "1"


@pytest.mark.timeout(20)
async def test_a_fifo_is_never_opened(workdir: Path) -> None:
    os.mkfifo(workdir / "pipe")
    for tool, args in (
        (READ, {}),
        (WRITE, {"content": "x"}),
        (EDIT, {"old_string": "a", "new_string": "b"}),
    ):
        with pytest.raises(ToolFault, match="not a regular file"):
            await use(tool, workdir, file_path="pipe", **args)


async def test_a_hard_link_may_be_read_and_not_written(workdir: Path) -> None:
    os.link(workdir.parent / "outside.txt", workdir / "hard")
    with pytest.raises(ToolFault, match="hard links"):
        await use(WRITE, workdir, file_path="hard", content="x")
    assert (workdir.parent / "outside.txt").read_text() == "secret"


@pytest.mark.parametrize("path", ["nul\0", "lone\ud800", "x" * 300, ""])
async def test_odd_names_are_refused_and_break_nothing(workdir: Path, path: str) -> None:
    with pytest.raises(ToolFault) as caught:
        await use(WRITE, workdir, file_path=path, content="x")
    assert caught.value.message.encode("utf-8")
    assert str(workdir) not in caught.value.message


async def test_content_that_utf8_cannot_carry_is_refused_before_the_file_is_touched(workdir: Path) -> None:
    (workdir / "a").write_text("before")
    with pytest.raises(ToolFault, match="surrogate"):
        await use(WRITE, workdir, file_path="a", content="\ud800")
    assert (workdir / "a").read_text() == "before"


async def test_binary_is_refused_and_a_nul_is_shown(workdir: Path) -> None:
    (workdir / "binary").write_bytes(b"\xff\xfe")
    (workdir / "nul").write_bytes(b"a\0b")
    with pytest.raises(ToolFault, match="not valid UTF-8"):
        await use(READ, workdir, file_path="binary")
    assert await use(READ, workdir, file_path="nul") == "a\\x00b"


async def test_names_that_are_not_utf8_can_be_listed(workdir: Path) -> None:
    (workdir / os.fsdecode(b"caf\xe9.txt")).write_text("")
    listed = await use(GLOB, workdir, pattern="*.txt")
    assert listed == "caf\\udce9.txt"


async def test_long_text_is_cut_and_says_so(workdir: Path) -> None:
    (workdir / "long").write_text("ä" * 100_000)
    text = await use(READ, workdir, file_path="long")
    assert text.endswith("\n[cut here: 100,000 of 200,000 bytes shown; use view_range for the rest]")
    (workdir / "huge").write_text("line\n" * 100_000)
    with pytest.raises(ToolFault, match="view_range"):
        await use(READ, workdir, file_path="huge")
    assert await use(READ, workdir, file_path="huge", view_range=[9, 10]) == "line\nline"


async def test_an_image_comes_back_as_a_block_and_a_large_one_does_not(workdir: Path) -> None:
    (workdir / "a.png").write_bytes(b"\x89PNG....")
    (block,) = await use(READ, workdir, file_path="a.png")
    assert block["type"] == "image"
    assert block["source"]["media_type"] == "image/png"
    (workdir / "b.png").write_bytes(bytes(2_000_000))
    with pytest.raises(ToolFault, match="exceeds"):
        await use(READ, workdir, file_path="b.png")


async def test_glob_is_relative_newest_first_and_confined(workdir: Path) -> None:
    for age, name in ((3, "old.md"), (1, "sub/new.md"), (2, "mid.md")):
        (workdir / name).parent.mkdir(exist_ok=True)
        (workdir / name).write_text("")
        os.utime(workdir / name, (10_000 - age, 10_000 - age))
    (workdir / "out.md").symlink_to(workdir.parent / "outside.txt")
    assert await use(GLOB, workdir, pattern="**/*.md") == "sub/new.md\nmid.md\nold.md"
    assert await use(GLOB, workdir, pattern="*.none") == "no matches"
    for args in ({"pattern": "../*"}, {"pattern": "/*"}, {"pattern": "*", "path": ".."}):
        with pytest.raises(ToolFault):
            await use(GLOB, workdir, **args)


async def test_glob_says_that_it_shows_only_some(workdir: Path) -> None:
    for n in range(230):
        (workdir / f"{n}.txt").write_text("")
    assert (await use(GLOB, workdir, pattern="*")).endswith(
        "[only the 200 newest are shown; narrow the pattern]"
    )


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({}, "file_path is missing"),
        ({"file_path": 3}, "file_path must be a string"),
        ({"file_path": "a", "colour": 1}, "colour is not an argument"),
        ({"file_path": "a", "view_range": [1]}, "at least 2"),
        ({"file_path": "a", "view_range": [1, "x"]}, "view_range[1] must be an integer"),
    ],
)
def test_wrong_arguments_are_explained(args: dict[str, Any], problem: str) -> None:
    assert problem in wrong_arguments(READ.spec.schema, args)


@pytest.mark.parametrize(
    ("before", "old", "new", "verdict"),
    [
        ("a b", "b", "c", "did_not_happen"),
        ("a c", "b", "c", "happened"),
        ("a x", "b", "c", "unknown"),
        ("b b", "b", "c", "unknown"),
        ("bc", "b", "bc", "unknown"),
        ("b", "b", "bc", "did_not_happen"),
        ("", "b", "c", "unknown"),
        (None, "b", "c", "unknown"),
    ],
)
async def test_the_probe_of_edit_tells_what_the_file_shows(
    workdir: Path, before: str | None, old: str, new: str, verdict: Probe
) -> None:
    if before is not None:
        (workdir / "a").write_text(before)
    args = {"file_path": "a", "old_string": old, "new_string": new}
    assert await EDIT.probe(args, context(workdir)) == verdict


async def test_the_probe_agrees_with_what_edit_really_does(workdir: Path) -> None:
    (workdir / "a").write_text("one two two")
    args = {"file_path": "a", "old_string": "two", "new_string": "three", "replace_all": True}
    assert await EDIT.probe(args, context(workdir)) == "did_not_happen"
    await EDIT.call(args, context(workdir))
    assert await EDIT.probe(args, context(workdir)) == "happened"


async def test_the_probe_never_looks_outside(workdir: Path) -> None:
    args = {"file_path": "../outside.txt", "old_string": "x", "new_string": "secret"}
    assert await EDIT.probe(args, context(workdir)) == "unknown"


def test_effects_are_declared_as_designed() -> None:
    effects = {tool.spec.name: tool.spec.effect for tool in (READ, WRITE, EDIT, GLOB)}
    assert effects == {
        "read": Effect.PURE,
        "write": Effect.KEYED,
        "edit": Effect.PROBE,
        "glob": Effect.PURE,
    }
