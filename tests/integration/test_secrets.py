"""Secrets: tools get them, nobody reads them, and nothing of them is found under the home afterwards."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend

from scheduler.adapters.secrets import Hiding, SystemSecrets
from scheduler.app.compose import open_app
from scheduler.config import load
from scheduler.core.job.job import Job
from scheduler.core.job.stored import job_from_json, job_to_json
from scheduler.core.run.run import State
from scheduler.core.time.trigger import Manual
from scheduler.doors.cli.text.logs import JsonLines, TextLines
from scheduler.errors import ToolFault
from scheduler.ports.model import Ask, Reply
from scheduler.ports.secrets import NoSecrets, Secrets
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import ListeningModel, World, open_world
from scheduler.toolkit import FunctionTool, tool
from tests.kit.secrets import forms

CANARY = 'cana/ry+47-11?"ü~'
CRONTAB = """\
SECRET.TOKEN = env:CANARY_VARIABLE
@manual  work  "Do it."  model=rehearsal:work.jsonl  report="cat > {told}"
"""


class Parrot(ListeningModel):
    """A model that says the canary wherever its script says CANARY: the script is a file of the home."""

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Answer as the script says."""
        reply = await super().ask(ask, on_text=on_text)
        said = json.dumps(reply.content).replace("CANARY", json.dumps(CANARY)[1:-1])
        return replace(reply, content=tuple(json.loads(said)))


def leaking(name: str, leak: Callable[[str], str]) -> FunctionTool:
    """Return a tool that asks for its secret and does with it what tools must not do."""

    @tool(
        name=name,
        description="Leak.",
        schema={"type": "object", "properties": {}},
        effect="pure",
        reads_untrusted=False,
        external=False,
    )
    async def function(args: Args, context: ToolContext) -> str:
        secret = context.secret("TOKEN")
        assert secret == CANARY, "a tool gets the real one"
        return leak(secret)

    return function


def refuse(secret: str) -> str:
    raise ToolFault(f"cannot log in with {secret}", help=f"try {secret}")


def refuse_at_length(secret: str) -> str:
    raise ToolFault("x" * 100_990 + secret)


def crash(secret: str) -> str:
    raise RuntimeError(f"bad token {secret}")


TOOLS = {
    "print_all": leaking("print_all", lambda secret: "\n".join(forms(secret).values())),
    "print_much": leaking("print_much", lambda secret: "x" * 100_995 + secret),
    "refuse": leaking("refuse", refuse),
    "refuse_at_length": leaking("refuse_at_length", refuse_at_length),
    "crash": leaking("crash", crash),
}


def found_under(home: Path) -> set[str]:
    """Return in which form the canary stands in which file."""
    needles = {name: form.encode() for name, form in forms(CANARY).items() if not name.startswith("base64")}
    # Without its first and last characters, base64 depends on the secret alone.
    needles |= {n: f[4:-8].encode() for n, f in forms(CANARY).items() if n.startswith("base64")}
    files = [path for path in home.rglob("*") if path.is_file()]
    return {
        f"{path.name}: {n}" for path in files for n, needle in needles.items() if needle in path.read_bytes()
    }


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setenv("CANARY_VARIABLE", CANARY)
    caplog.set_level(logging.INFO, logger="agentcron")
    return caplog


async def leak_everywhere(world: World, told: Path) -> str:
    play = (
        script()
        .say("I was told CANARY")
        .call("print_all")
        .also("print_much")
        .call("refuse")
        .also("crash")
        .also("refuse_at_length")
    )
    play = play.note("CANARY").call("no_such_tool", word="CANARY").sleep("1h", "CANARY")
    world.script("work", play.finish("The token is CANARY"))
    world.model = Parrot(world.model.inner)
    world.services = replace(world.services, model_for=lambda _: world.model)
    await world.load(CRONTAB.format(told=told))
    run = await world.play("work")
    await world.jump()
    await world.send_reports()
    done = await world.run(run.id)
    assert done.state is State.SUCCEEDED, done.reason
    return run.id


async def test_a_canary_is_found_nowhere_after_a_run_that_tried_to_print_it(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    home, told = tmp_path / "home", tmp_path / "told"
    async with open_world(home, tools=TOOLS) as world:
        secrets = world.services.secrets
        assert isinstance(secrets, SystemSecrets)
        hiding = Hiding(secrets)
        logging.getLogger("agentcron").addFilter(hiding)
        try:
            run_id = await leak_everywhere(world, told)
        finally:
            logging.getLogger("agentcron").removeFilter(hiding)
        assert found_under(home) == set(), "while the database is open"
        messages = world.messages(run_id)
        sent = json.dumps([ask.messages for ask in world.model.asks], default=str, ensure_ascii=False)
        run = await world.run(run_id)
    assert found_under(home) == set(), "and when it is closed"
    assert CANARY[:8] not in sent, "nor in half, where a long text was cut"
    assert run.summary == "The token is [secret TOKEN]"
    assert told.read_text() == "The token is [secret TOKEN]"
    shown = json.dumps([message.content for message in messages], ensure_ascii=False)
    for said in (
        "told [secret TOKEN]",
        "log in with [secret TOKEN]",
        "RuntimeError: bad token [secret TOKEN]",
    ):
        assert said in shown
    assert CANARY[:5] not in shown, "half of it, where a long result was cut"
    for form in forms(CANARY).values():
        assert json.dumps(form, ensure_ascii=False)[1:-1] not in shown + sent
    lines = "\n".join(f(record) for record in log.records for f in (TextLines().format, JsonLines().format))
    assert "bad token [secret TOKEN]" in lines, "the trace of a tool that broke"
    assert CANARY not in lines
    assert json.dumps(CANARY)[1:-1] not in lines


async def test_without_redaction_the_same_run_leaves_it_everywhere(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    """The test above can fail."""

    class Open(NoSecrets):
        def value(self, job: Job, name: str) -> str:  # noqa: ARG002  (the signature of the port)
            return CANARY

    home = tmp_path / "home"
    async with open_world(home, tools=TOOLS) as world:
        secrets: Secrets = Open()
        world.services = replace(world.services, secrets=secrets)
        await leak_everywhere(world, tmp_path / "told")
    assert {found.partition(": ")[2] for found in found_under(home)} >= {
        "plain",
        "hex",
        "base64 std 1",
        "quoted",
    }


async def test_a_secret_that_cannot_be_had_is_told_to_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CANARY_VARIABLE", raising=False)
    async with open_world(tmp_path, tools=TOOLS) as world:
        world.script("work", script().call("print_all").finish("Could not."))
        await world.load(CRONTAB.format(told="/dev/null"))
        run = await world.play("work")
        answer = world.messages(run.id)[2].content[0]
    assert answer["content"] == "the secret TOKEN is missing: the daemon's environment has no CANARY_VARIABLE"


@pytest.mark.parametrize("opened", [lambda folder: open_app(load(str(folder))), open_world])
async def test_every_process_that_takes_runs_on_hides_them_in_its_log(
    tmp_path: Path, log: pytest.LogCaptureFixture, opened: Any
) -> None:
    agentcron = logging.getLogger("agentcron")
    async with opened(tmp_path) as app:
        assert app.services.secrets.value(job(("TOKEN", "env:CANARY_VARIABLE")), "TOKEN") == CANARY
        try:
            raise ValueError(CANARY)
        except ValueError:
            agentcron.exception("lost %s", CANARY, extra={"reason": CANARY})
    (record,) = (each for each in log.records if each.levelno == logging.ERROR)
    for line in (TextLines().format(record), JsonLines().format(record)):
        assert line.count("[secret TOKEN]") >= 2
        assert CANARY not in line
    assert not agentcron.filters, "and leaves nothing behind"


# Where they are


def job(*secrets: tuple[str, str], workdir: str | None = None) -> Job:
    return Job("work", Manual(), "Do it.", secrets=secrets, workdir=workdir)


def test_a_run_is_pinned_to_the_reference_and_an_old_one_has_none() -> None:
    one = job(("TOKEN", "env:X"))
    assert job_from_json(json.loads(json.dumps(job_to_json(one)))) == one
    old = {name: value for name, value in job_to_json(one).items() if name != "secrets"}
    assert job_from_json(old).secrets == ()


def test_a_file_is_read_at_each_use_and_every_value_stays_hidden(tmp_path: Path) -> None:
    file, secrets = tmp_path / "token", SystemSecrets()
    one = job(("TOKEN", f"file:{file}"))
    file.write_text("first-token\n")
    assert secrets.value(one, "TOKEN") == "first-token"
    file.write_text("second-token\r\n")
    assert secrets.value(one, "TOKEN") == "second-token"
    assert secrets.hidden("first-token second-token") == "[secret TOKEN] [secret TOKEN]"


@pytest.mark.parametrize(
    ("reference", "because"),
    [
        ("env:NO_SUCH_VARIABLE", "the daemon's environment has no NO_SUCH_VARIABLE"),
        ("file:/no/such/file", "/no/such/file: No such file"),
        ("file:/dev/zero", "not a regular file"),
        ("file:{tmp}", "Is a directory|not a regular file"),
        ("file:{tmp}/work/mine", "in the job's own working directory"),
        ("file:{tmp}/link", "in the job's own working directory"),
        ("file:{tmp}/work/out", "in the job's own working directory"),
        ("file:{tmp}/short", "fewer than 8 characters"),
        ("file:{tmp}/binary", "not UTF-8"),
        ("file:{tmp}/huge", "larger than 64 KiB"),
    ],
)
def test_a_secret_that_is_wrong_is_named_and_never_shown(
    reference: str, because: str, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine").write_text("agent-wrote-this")
    (tmp_path / "link").symlink_to(tmp_path / "work" / "mine")
    (tmp_path / "work" / "out").symlink_to("/etc/hostname")
    (tmp_path / "short").write_text("1234567\n")
    (tmp_path / "binary").write_bytes(b"\xff" * 20)
    (tmp_path / "huge").write_text("x" * 70_000)
    one = job(("TOKEN", reference.format(tmp=tmp_path)), workdir=str(tmp_path / "work"))
    secrets = SystemSecrets()
    secrets.learn(one)
    with pytest.raises(ToolFault, match=because) as caught:
        secrets.value(one, "TOKEN")
    assert "1234567" not in caught.value.message


def test_a_name_that_the_job_has_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(ToolFault, match="no secret TOKEM") as caught:
        SystemSecrets().value(job(("TOKEN", "env:X")), "TOKEM")
    assert caught.value.help == "did you mean TOKEN?"
    with pytest.raises(ToolFault, match="there is no secret TOKEN"):
        ToolContext(run_id="r", job="j", workdir="/", key="k", env={}).secret("TOKEN")


class Vault(KeyringBackend):
    """A back end of the keyring package that keeps its entries in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """Return what was set."""
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.entries[service, username] = password


@pytest.fixture
def set_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_the_keyring_has_secrets_too(set_keyring: Callable[[KeyringBackend], None]) -> None:
    one = job(("TOKEN", "keyring:mail"), ("OTHER", "keyring:none"))
    set_keyring(Vault())
    keyring.set_password("agentcron", "mail", "from-the-keyring")
    assert SystemSecrets().value(one, "TOKEN") == "from-the-keyring"
    with pytest.raises(ToolFault, match="the keyring has no none of agentcron"):
        SystemSecrets().value(one, "OTHER")


def test_where_there_is_no_keyring_the_way_out_is_told(
    set_keyring: Callable[[KeyringBackend], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job(("TOKEN", "keyring:mail"))
    set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    with pytest.raises(ToolFault, match="NoKeyringError") as caught:
        SystemSecrets().value(one, "TOKEN")
    assert "use env: or file:" in caught.value.help
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ToolFault, match="the package keyring is not installed"):
        SystemSecrets().value(one, "TOKEN")
