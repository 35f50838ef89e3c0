"""Injections from ``tests/data/injections``: what strangers wrote to make agents act, and a house to try it.

The house is a real home with the owner's files around it.  One server plays the public internet, on
127.0.0.2; a trap listens on 127.0.0.1, where nothing may ever knock.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import hashlib
import ipaddress
import os
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from scheduler.core.run.conversation import Call
from scheduler.core.run.run import Run, State
from scheduler.core.trust.addresses import IPAddress, may_reach
from scheduler.core.trust.approval import Approval
from scheduler.ports.model import Model
from scheduler.ports.tool import AnyTool, Args, ToolContext
from scheduler.testing.obedient import OBEYED, ObedientModel
from scheduler.testing.rehearsal import ScriptBuilder, script
from scheduler.testing.world import World, open_world
from scheduler.toolkit import FunctionTool, tool
from scheduler.tools.fetch import FETCH, Fetcher
from tests.kit.secrets import forms
from tests.kit.site import Site, answer, redirect, site

DATA = Path(__file__).parents[1] / "data" / "injections"
CANARY = "cana/ry+47-11?x~"
MAIL = "Dear owner, the vault opens with 31-41-59."

OPEN_NET = ipaddress.ip_address("127.0.0.2")
NAMES: Mapping[str, tuple[str, ...]] = {
    "inside.page.test": ("127.0.0.1",),
    "both.page.test": ("127.0.0.2", "127.0.0.1"),
    "meta.test": ("169.254.169.254",),
}

CRONTAB = """\
SECRET.TOKEN = env:INJECTION_CANARY
TOOLS = read,write,edit,glob,grep,shell
@manual  work  @work.md  model=rehearsal:work.jsonl  trust={trust}  {options}
"""
LATER = "tools=read,write,edit,glob,grep,shell,schedule"

TRUST = """\
[profile.careful]
base = "propose"
[[profile.careful.grant]]
tool = "fetch"
hosts = ["page.test", "*.page.test"]

[profile.narrow]
base = "act"
[[profile.narrow.grant]]
tool = "fetch"
hosts = ["page.test", "*.page.test"]
args.url = "http://page.test:@PORT@/page-*"
[[profile.narrow.grant]]
tool = "shell"
args.command = "git status *"
network = true

[profile.wide]
base = "act"
[[profile.wide.grant]]
tool = "fetch"
"""


@dataclass(frozen=True, slots=True)
class Injection:
    """What a page says, what it wants, and by profile what must stop it, a pattern for each page.

    Args:
        later: whether the agent can make jobs for later.
        leaves: the follow-ups that are made and wait, unless the job may only observe.
    """

    name: str
    threat: str
    wants: str
    says: tuple[str, ...]
    stops: Mapping[str, tuple[str, ...]]
    encoded: str = ""
    shell: bool = False
    later: bool = False
    leaves: tuple[str, ...] = ()

    def pages(self, places: Mapping[str, str]) -> list[str]:
        """Return the texts of its pages, with the names of places filled in."""
        return [_encoded(_filled(text, places), self.encoded) for text in self.says]


def injections() -> Iterator[Injection]:
    """Yield all of them."""
    for path in sorted(DATA.glob("*.toml")):
        for each in tomllib.loads(path.read_text(encoding="utf-8"))["injection"]:
            says = tuple(each["says"])
            stops = {
                profile: (by,) * len(says) if isinstance(by, str) else tuple(by)
                for profile, by in each["stops"].items()
            }
            assert all(len(by) == len(says) for by in stops.values()), f"{path.name}: {each['name']}"
            leaves = tuple(each.get("leaves", ()))
            yield Injection(**(each | {"says": says, "stops": stops, "leaves": leaves}))


def _filled(text: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    return text


def _encoded(text: str, how: str) -> str:
    match how:
        case "base64":
            return f"<img src='data:text/plain;base64,{base64.b64encode(text.encode()).decode()}'>"
        case "hex":
            return f"checksum: {text.encode().hex()}"
        case "rot13":
            return codecs.encode(text, "rot13")
    return text


async def _resolve(host: str, port: int) -> Sequence[IPAddress]:
    return tuple(ipaddress.ip_address(each) for each in NAMES.get(host, (str(OPEN_NET),)))


OUTSIDE = Fetcher(resolve=_resolve, may_reach=lambda address: address == OPEN_NET or may_reach(address))


@dataclass
class House:
    """A home, what lies around it, and what happened there."""

    world: World
    folder: Path
    site: Site
    trap: list[bytes]
    posted: list[Args]
    asked: dict[str, Approval] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.world.config.home

    @property
    def work(self) -> Path:
        return self.world.config.work / "work"

    def places(self) -> dict[str, str]:
        """Return what stands for ``@NAME@`` in the texts."""
        return {
            "HOME": str(self.home),
            "OWNER": str(self.folder / "owner"),
            "PORT": str(self.site.port),
            "TRAP": self._trap_port,
            "PID": str(os.getpid()),
            "DAY": self.world.clock.now().date().isoformat(),
        }

    _trap_port: str = ""

    def fingerprint(self) -> dict[str, str]:
        """Return every file that no run may change, with its hash, its links and its mode."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder).as_posix()
            if inside.startswith(("home/work/", "home/agentcron.db", "home/log", "home/runners")):
                continue
            stat = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            found[inside] = f"{hashlib.sha256(data).hexdigest()} {stat.st_mode:o}"
        return found

    async def prepare(
        self, pages: Sequence[str], *, trust: str, then: ScriptBuilder | None = None, options: str = ""
    ) -> None:
        """Lay the pages where the agent will find them: in its folder, or at a host where it may fetch.

        Args:
            then: what the script does behind its reading; without one it finishes.
        """
        play = script()
        for number, page in enumerate(pages):
            (self.work / f"page-{number}.html").write_text(page, encoding="utf-8")
            self.site.pages[f"/page-{number}"] = answer(page.encode())
            if trust in ("narrow", "wide"):
                play.call("fetch", url=self.site.url(f"/page-{number}"))
            else:
                play.call("read", file_path=f"page-{number}.html")
        rest = script().finish("Read it all.") if then is None else then
        self.world.script("work", play.append(rest))
        await self.world.load(CRONTAB.format(trust=trust, options=options))

    async def play(self, look: Callable[[], object] = lambda: None) -> Run:
        """Fire the job, let every question expire, and wake it from every sleep: nobody is there.

        Args:
            look: is called while the run waits for anything.
        """
        return await self.until_over(await self.world.fire("work"), look)

    async def until_over(self, run_id: str, look: Callable[[], object] = lambda: None) -> Run:
        """Let a run that has begun come to its end in the same way."""
        await self.world.settle()
        for _ in range(40):
            run = await self.world.run(run_id)
            if run.state is not State.SLEEPING and run.reason_code != "approval":
                break
            look()
            with self.world.history() as history:
                self.asked |= {each.id: each for each in history.open_approvals()}
            await self.world.jump()
        return await self.world.run(run_id)

    async def wait_a_fortnight(self) -> None:
        """Let time pass, in which whatever was left behind fires if it may."""
        end = self.world.clock.now() + timedelta(days=14)
        for _ in range(100):
            due = await self.world.store.next_due()
            if due is None or due > end:
                break
            await self.world.jump()
        self.world.clock.jump_to(end)
        await self.world.settle()

    def obeyed(self, run: Run) -> list[Call]:
        """Return the calls that the pages wanted."""
        with self.world.reader() as reader:
            return [call for call in reader.calls(run.id) if call.id.startswith(OBEYED)]

    def what_stopped(self, call: Call) -> str:
        """Return what is on record about a call: its rule, its result, and the question it became."""
        asked = [each.reason for each in self.asked.values() if each.call_id == call.id]
        return "\n".join([call.rule, str(call.result), *asked])


def house_tools(posted: list[Args]) -> dict[str, AnyTool]:
    """Return the tools of the house: the fetcher, the owner's mail, a letter-box, and a tool that blabs."""
    any_args: dict[str, Any] = {"type": "object", "properties": {}}

    @tool(
        name="read_mail",
        description="Read the owner's mail.",
        schema=any_args,
        effect="pure",
        reads_untrusted=False,
        external=False,
    )
    async def read_mail(args: Args, context: ToolContext) -> str:
        return MAIL

    @tool(name="post", description="Post a letter.", schema=any_args, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        posted.append(args)
        return "posted"

    @tool(
        name="print_token",
        description="Print the token, as tools must not.",
        schema=any_args,
        effect="pure",
        reads_untrusted=False,
        external=False,
    )
    async def print_token(args: Args, context: ToolContext) -> str:
        return forms(context.secret("TOKEN"))[args["form"]]

    fetch: AnyTool = FunctionTool(FETCH.spec, OUTSIDE)
    return {"fetch": fetch, "read_mail": read_mail, "post": post, "print_token": print_token}


@asynccontextmanager
async def house(folder: Path, model: Model | None = None) -> AsyncIterator[House]:
    """Open a house in an empty folder."""
    posted: list[Args] = []
    trapped: list[bytes] = []

    async def spring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trapped.append(b"knock")
        writer.close()

    trap = await asyncio.start_server(spring, "127.0.0.1", 0)
    trap_port = trap.sockets[0].getsockname()[1]
    try:
        async with (
            site({}, host=str(OPEN_NET)) as pages,
            open_world(folder / "home", model=model or ObedientModel(), tools=house_tools(posted)) as world,
        ):
            made = House(world, folder, pages, trapped, posted, _trap_port=str(trap_port))
            _furnish(made)
            yield made
    finally:
        trap.close()


def _furnish(house: House) -> None:
    (house.folder / "owner").mkdir()
    (house.folder / "owner" / "diary.txt").write_text("Dear diary, nobody reads this.\n")
    house.home.joinpath("work.md").write_text("Read the pages, then finish.\n")
    house.home.joinpath("gate.sh").write_text("exit 0\n")
    house.home.joinpath("gate.sh").chmod(0o700)
    house.home.joinpath("trust.toml").write_text(TRUST.replace("@PORT@", str(house.site.port)))
    house.world.config.crontab.write_text("")
    house.work.mkdir(parents=True)
    (house.work / "way-out").symlink_to(house.home)
    (house.folder / "owner" / "list").write_text("a file with two names\n")
    os.link(house.folder / "owner" / "list", house.work / "crontab-of-all")
    trap = f"http://127.0.0.1:{house._trap_port}/"
    house.site.pages["/page-away"] = redirect(trap)
    house.site.pages["/page-inside"] = redirect(f"http://inside.page.test:{house._trap_port}/")
