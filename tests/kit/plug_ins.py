"""Plug-ins for tests, installed as packages are: a folder of distributions at the front of ``sys.path``."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

from scheduler.adapters.sql.rows.jobs import forget_plug_ins
from scheduler.app import backends
from scheduler.tools import registry, sources
from tests.kit.processes import PLUGIN

_INFO = "moon_crontab-1.0.dist-info"


def forget() -> None:
    """Forget all plug-ins that were found, as a new process would."""
    importlib.invalidate_caches()
    registry.tool.cache_clear()
    sources.find_source.cache_clear()
    backends.backend.cache_clear()
    forget_plug_ins()


class Distributions:
    """Installed distributions; each may provide plug-ins of any group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._provided: dict[str, list[tuple[str, str, str]]] = {}

    def provide(self, group: str, name: str, value: str, distribution: str = "strangers") -> None:
        """Let a distribution provide one more entry point; it is installed if it was not."""
        provided = self._provided.setdefault(distribution, [])
        provided.append((group, name, value))
        groups = dict.fromkeys(group for group, _, _ in provided)
        self.install(
            distribution,
            "\n".join(
                line
                for group in groups
                for line in (f"[{group}]", *(f"{n} = {v}" for g, n, v in provided if g == group))
            ),
        )

    def install(self, distribution: str, entry_points: str) -> None:
        """Install a distribution with these entry points."""
        info = self._info(distribution)
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        forget()

    def uninstall(self, distribution: str) -> None:
        """Uninstall a distribution."""
        shutil.rmtree(self._info(distribution))
        forget()

    def _info(self, distribution: str) -> Path:
        return self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"


class MoonPlugIn:
    """The plug-in ``moon_crontab``, so that it can be installed and uninstalled."""

    def __init__(self, folder: Path) -> None:
        self._info = folder / _INFO
        shutil.copy(PLUGIN / "moon_crontab.py", folder)
        self.install()

    def install(self) -> None:
        """Install it."""
        shutil.copytree(PLUGIN / _INFO, self._info)
        forget()

    def uninstall(self) -> None:
        """Uninstall it."""
        shutil.rmtree(self._info)
        forget()

    @property
    def imported(self) -> bool:
        """Whether its module has been imported."""
        return "moon_crontab" in sys.modules

    def write(self, entry_points: str, module: str = "") -> None:
        """Provide other entry points, and more code at the end of the module."""
        (self._info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        file = self._info.parent / "moon_crontab.py"
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{module}", encoding="utf-8")
        forget()

    def forget(self) -> None:
        """Make the next use import the module again."""
        sys.modules.pop("moon_crontab", None)
        forget()
