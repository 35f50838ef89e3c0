"""Check this machine: platform, package, time zones, home, disk, tools, and the API address."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scheduler.config import FILE_SCHEME, HOME_VARIABLE
from scheduler.views.clock import Wall
from scheduler.views.doctor.finding import Finding, Findings

if TYPE_CHECKING:
    from scheduler.views.home import Home

BASE_URL = "ANTHROPIC_BASE_URL"

_MIN_PYTHON = (3, 11)
_MIN_FREE_BYTES = 100_000_000
_LOW_FREE_BYTES = 1_000_000_000
_MIN_FREE_FILES = 1_000
_OLDEST_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_OLD_ZONES_YEARS = 2
_CONNECT_SECONDS = 0.5


def check_platform(home: Home, clock: Wall) -> Findings:  # noqa: ARG001 - all checks have this signature
    """Whether this system is supported."""
    if sys.platform.startswith("linux"):
        yield Finding("ok", "platform", f"{sys.platform}, everything is supported")
    elif sys.platform == "darwin":
        text = "macOS: a suspend of the machine is detected by the wall clock only"
        yield Finding("note", "platform", text)
    else:
        yield Finding("problem", "platform", f"{sys.platform} is not supported", "use Linux or macOS")


def check_python(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether Python is new enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _MIN_PYTHON:
        yield Finding("problem", "python", f"{version} is too old", "install Python 3.11 or later")
    else:
        yield Finding("ok", "python", version)


def check_package(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether the package `scheduler` belongs to us alone."""
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get("scheduler", ())))
    if owners == ["agentcron"]:
        yield Finding("ok", "package", "`scheduler` belongs to agentcron only")
    elif not owners:
        yield Finding("problem", "package", "agentcron is not installed here", "pip install agentcron")
    else:
        others = ", ".join(name for name in owners if name != "agentcron")
        text = f"another distribution also installs a package `scheduler`: {others}"
        yield Finding("problem", "package", text, f"pip uninstall {others}; pip install agentcron")


def check_zones(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether time zone data is there and up to date."""
    from zoneinfo import ZoneInfo, available_timezones

    if "Europe/Berlin" not in available_timezones():
        yield Finding("problem", "zones", "there is no time zone data", "pip install tzdata")
        return
    release = _zone_release()
    summer = datetime(2026, 7, 1, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).utcoffset()
    if summer != timedelta(hours=2):
        yield Finding("problem", "zones", "the time zone data is wrong", "pip install --upgrade tzdata")
    elif release[:4].isdecimal() and int(release[:4]) <= clock.now.year - _OLD_ZONES_YEARS:
        text = f"the time zone data is of {release}; later changes of the rules are missing"
        yield Finding("problem", "zones", text, "upgrade the system's tzdata, or: pip install -U tzdata")
    else:
        about = f" (data of {release})" if release else ""
        yield Finding("ok", "zones", f"local zone {clock.name}, now {clock(clock.now)}{about}")
    if clock.now < _OLDEST_NOW:
        yield Finding("problem", "clock", f"the clock is years behind: {clock.now:%Y-%m-%d}", "set the clock")


def _zone_release() -> str:
    """Return the release of the data in use, such as ``2026a``; empty if it is not recorded."""
    for folder in zoneinfo.TZPATH:
        for name, mark in (("tzdata.zi", "# version "), ("+VERSION", "")):
            path = Path(folder, name)
            if path.is_file():
                with path.open(encoding="utf-8", errors="replace") as file:
                    return file.readline().strip().removeprefix(mark)
        if Path(folder, "Europe", "Berlin").is_file():
            return ""  # this folder is used, and does not record its release
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tzdata")
    except PackageNotFoundError:
        return ""


def check_home(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether the home belongs to us, is closed to others, and can be written."""
    place = home.config.home
    if not place.exists():
        yield Finding("note", "home", f"{place} does not exist yet; the first start creates it")
        return
    if not place.is_dir():
        yield Finding("problem", "home", f"{place} is not a directory", f"move it, or set {HOME_VARIABLE}")
        return
    found = place.stat()
    mode = stat.S_IMODE(found.st_mode)
    quoted = shlex.quote(str(place))
    if found.st_uid != os.getuid():
        yield Finding("problem", "home", f"{place} belongs to another user", f"chown {os.getuid()} {quoted}")
    elif mode & 0o077:
        text = f"{place} is open to other users (mode {mode:04o})"
        yield Finding("problem", "home", text, f"chmod 700 {quoted}")
    elif not os.access(place, os.W_OK | os.X_OK):
        yield Finding("problem", "home", f"{place} cannot be written", f"chmod u+rwx {quoted}")
    else:
        yield Finding("ok", "home", f"{place} (mode {mode:04o})")


def check_disk(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether there is enough space."""
    config = home.config
    places = [config.home]
    if config.database_scheme == FILE_SCHEME:
        places.append(config.database.parent)
    disks: set[int] = set()
    for place in places:
        there = place
        while not there.exists():
            there = there.parent
        disk = there.stat().st_dev
        if disk not in disks:
            disks.add(disk)
            yield from _room(place, there)


def _room(place: Path, there: Path) -> Findings:
    """Check the disk of a place that may not exist yet; ``there`` is the nearest folder that does."""
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:.1f} GB free where {place} is"
    inodes = os.statvfs(there)
    if inodes.f_files and inodes.f_favail < _MIN_FREE_FILES:
        few = f"room for {inodes.f_favail} more files where {place} is"
        yield Finding("problem", "disk", few, "remove some files; without any left every run stops")
    if free < _MIN_FREE_BYTES:
        yield Finding("problem", "disk", text, "free some space; a full disk stops every run")
    elif free < _LOW_FREE_BYTES:
        yield Finding("warning", "disk", text)
    else:
        yield Finding("ok", "disk", text)


def check_tools(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether optional programs that make tools faster are installed."""
    if shutil.which("rg") is None:
        text = "ripgrep is not installed; the grep tool is slower without it"
        yield Finding("note", "tools", text, "install the package ripgrep")
    else:
        yield Finding("ok", "tools", "ripgrep is installed")


def check_api(home: Home, clock: Wall) -> Findings:  # noqa: ARG001
    """Whether requests to the API go to a sensible address; checked without the network."""
    url = os.environ.get(BASE_URL, "")
    if not url:
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    fix = f"correct or unset {BASE_URL}"
    if parts.scheme not in ("http", "https") or not host:
        yield Finding("problem", "api", f"{BASE_URL} is not an address: {url}", fix)
    elif not _is_here(host):
        if parts.scheme == "http":
            text = f"{BASE_URL} is {url}: the key would be sent unencrypted"
            yield Finding("problem", "api", text, "use https")
        else:
            yield Finding("note", "api", f"requests go to {host} ({BASE_URL})")
    elif not _listens(host, port or (443 if parts.scheme == "https" else 80)):
        yield Finding("problem", "api", f"no server listens at {url} ({BASE_URL})", f"start it, or {fix}")
    else:
        yield Finding("note", "api", f"requests go to {url} ({BASE_URL})")


def _is_here(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listens(host: str, port: int) -> bool:
    import socket

    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
