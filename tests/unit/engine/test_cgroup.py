"""Control groups for root's sandboxes: where one may be made, and that none stays behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scheduler.errors import CannotWorkError
from scheduler.host import cgroup


def test_the_nearest_group_that_lends_counting_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree of a systemd host: a service may have no children, but its slice lends to them."""
    monkeypatch.setattr(cgroup, "ROOM", tmp_path)
    service = tmp_path / "system.slice" / "agentcron.service"
    service.mkdir(parents=True)
    for folder, lent in ((tmp_path, "cpu memory pids"), (service.parent, "memory pids"), (service, "")):
        (folder / "cgroup.subtree_control").write_text(f"{lent}\n")
    assert cgroup._lender(service) == service.parent
    (service.parent / "cgroup.subtree_control").write_text("memory\n")
    assert cgroup._lender(service) == tmp_path
    (tmp_path / "cgroup.subtree_control").write_text("\n")
    assert cgroup._lender(service) is None


@pytest.mark.skipif(os.getuid() != 0, reason="ordinary users need no control group")
class TestRoot:
    """As root, in the real hierarchy of this machine."""

    def test_a_command_is_counted_and_its_group_goes(self) -> None:
        place = cgroup.parent()
        look = ["sh", "-c", "cat /proc/self/cgroup"]
        with cgroup.bounded(look, processes=17) as command:
            group = Path(command[4])
            assert (group / "pids.max").read_text() == "17\n"
            seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert group.name in seen
        cgroup._sweep(place)
        assert not group.exists()

    def test_groups_of_dead_daemons_are_swept(self) -> None:
        gone = subprocess.Popen(["true"])
        gone.wait()
        left = cgroup.parent() / f"agentcron-{gone.pid}-0"
        left.mkdir()
        with cgroup.bounded(["true"], processes=5):
            assert not left.exists()

    def test_a_group_that_cannot_be_made_stops_the_command(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cgroup, "parent", lambda: tmp_path / "missing")
        with pytest.raises(CannotWorkError, match="cannot make the control group"):
            with cgroup.bounded(["true"], processes=5):
                raise AssertionError("unreachable")
