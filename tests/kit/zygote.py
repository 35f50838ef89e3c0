"""A process that has imported everything and forks on demand: a real process in milliseconds, not seconds.

Crash tests start hundreds of processes.  Each is a real one, with its own pid, killed by a real SIGKILL;
only the imports are shared.  The zygote itself never starts a thread, so forking it is safe.

Protocol, one JSON object a line on stdin and stdout::

    {"op": "start", "argv": [...], "env": {...}, "cwd": "...", "stdout": "...", "stderr": "..."}
    {"pid": 4711}
    {"op": "poll", "pid": 4711}
    {"status": null}                                    or, once it has ended, {"status": -9}

``stdin`` (a file or a terminal) and ``uid`` (a user to become) may stand in a start, too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any


def preload() -> None:
    """Import what a daemon imports, so that its forks need not."""
    import importlib
    import pkgutil

    import scheduler.adapters.sql as sql

    # The composition root imports a database only when it is opened, which each fork would do by itself.
    store = (each.name for each in pkgutil.walk_packages(sql.__path__, "scheduler.adapters.sql."))
    for name in (
        *(name for name in store if ".migrations" not in name),
        "scheduler.app.compose",
        "scheduler.doors.cli.main",
        "scheduler.doors.cli.verbs.run.up",
        "scheduler.doors.cli.verbs.look.doctor",
        "scheduler.views.doctor.store",
        "scheduler.views.doctor.work",
        "scheduler.doors.cli.verbs.run.run",
        "scheduler.doors.cli.verbs.steer.steer",
        "scheduler.doors.cli.verbs.run.tick",
        "scheduler.tools.files",
        "scheduler.adapters.anthropic.model",
        "scheduler.adapters.daylog",
        "scheduler.adapters.rehearsal.provider",
        "scheduler.adapters.sql.history.reader",
        "anthropic",
        "concurrent.futures.thread",
        "croniter",
        "encodings.ascii",
        "encodings.utf_8_sig",
        "genai_prices",
        "jsonschema.validators",
        "pydantic.networks",
        "regex",
        "scheduler.engine.schema",
    ):
        importlib.import_module(name)


def start(order: dict[str, Any]) -> int:
    """Fork a child that becomes ``agentcron ARGV``; return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        os.chdir(order["cwd"])
        for number, name in ((1, order["stdout"]), (2, order["stderr"])):
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(handle, number)
        os.dup2(os.open(order.get("stdin", os.devnull), os.O_RDONLY), 0)
        # New ones: the old ones remember what kind of file the zygote had there.
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the life of the process
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(order["env"])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if "uid" in order:
            os.setgid(order["uid"])
            os.setuid(order["uid"])
        sys.argv = ["agentcron", *order["argv"]]
        for path in reversed(order["env"].get("PYTHONPATH", "").split(os.pathsep)):
            if path and path not in sys.path:
                sys.path.insert(0, path)
        from scheduler.doors.cli.main import _status

        status = _status(order["argv"])
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # its terminal may be gone
                stream.flush()
        os._exit(status)
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)


def main() -> None:
    """Serve orders until stdin ends."""
    preload()
    print(json.dumps({"ready": os.getpid()}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["op"] == "start":
            print(json.dumps({"pid": start(order)}), flush=True)
            continue
        try:
            pid, status = os.waitpid(order["pid"], os.WNOHANG)
        except ChildProcessError:
            print(json.dumps({"status": None, "unknown": True}), flush=True)
            continue
        code = None if pid == 0 else os.waitstatus_to_exitcode(status)
        print(json.dumps({"status": code}), flush=True)


if __name__ == "__main__":
    main()
