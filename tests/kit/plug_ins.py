"""The plug-in ``moon_crontab`` in a folder of its own, so that it can be installed and uninstalled."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from scheduler.adapters.sql.rows.jobs import forget_plug_ins
from tests.kit.processes import PLUGIN

_INFO = "moon_crontab-1.0.dist-info"


class MoonPlugIn:
    """A folder on ``sys.path`` with the plug-in."""

    def __init__(self, folder: Path) -> None:
        self._info = folder / _INFO
        shutil.copy(PLUGIN / "moon_crontab.py", folder)
        self.install()

    def install(self) -> None:
        """Install it."""
        shutil.copytree(PLUGIN / _INFO, self._info)

    def uninstall(self) -> None:
        """Uninstall it, and forget what was read with it, as a new process would."""
        shutil.rmtree(self._info)
        forget_plug_ins()

    @property
    def imported(self) -> bool:
        """Whether its module has been imported."""
        return "moon_crontab" in sys.modules

    def write(self, entry_points: str, module: str = "") -> None:
        """Provide other entry points, and more code behind the module's own."""
        (self._info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        file = self._info.parent / "moon_crontab.py"
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{module}", encoding="utf-8")

    def forget(self) -> None:
        """Make the next use import the module again."""
        sys.modules.pop("moon_crontab", None)
        forget_plug_ins()
