"""Addresses: which URL may be fetched, which resolved address may be reached, and which host a grant names.

URL parsers disagree about odd hosts, and resolvers accept more than they should (``2130706433``, ``0x7f.1``,
``0177.1`` and full-width digits are all the loopback address).  So this grammar knows plain names and
canonical addresses only: whatever could be read in two ways is refused, not interpreted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, urljoin

from scheduler.errors import ToolFault

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL = 4096

_PORTS = {"http": 80, "https": 443}

# Whitespace, controls, and the backslash that some parsers take for a slash.
_NEVER = re.compile(r"[\x00-\x20\x7f-\xa0\\]|\s")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")

# Where Python's tables are wrong or too young, or where a cloud answers machines on a public address.
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "100.64.0.0/10",  # shared address space, Alibaba's metadata
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(ipaddress.IPv6Network(network) for network in ("2001:db8::/32", "3fff::/20"))

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOW_32 = 0xFFFFFFFF
_ISATAP = (0x00005EFE, 0x02005EFE)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that was understood in the only way there is.

    Args:
        host: canonical: in lower case, an IPv6 address without brackets.
        target: path and query, in ASCII.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Return host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the canonical URL."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def follow(self, location: str) -> Address:
        """Return where a redirect leads to.

        Raises:
            ToolFault: it is no URL for us, or leads from https to http.
        """
        if _NEVER.search(location):
            raise ToolFault("the redirect holds a blank, a control character or a backslash")
        try:
            found = parse(urljoin(self.url, location))
        except ValueError as error:  # half an IPv6 address
            raise ToolFault(f"the redirect of {self.host} leads to an invalid URL") from error
        if self.scheme == "https" and found.scheme == "http":
            raise ToolFault(f"{self.host} redirects from https to http")
        return found


def parse(url: str) -> Address:
    """Return the address that ``url`` stands for.

    Raises:
        ToolFault: it is not http or https, or not plain; the message says which part.
    """
    if len(url) > MAX_URL:
        raise ToolFault(f"the URL has {len(url)} characters, more than {MAX_URL}")
    if _NEVER.search(url):
        raise ToolFault("the URL holds a blank, a control character or a backslash", help="percent-encode it")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ToolFault("this is not a URL", help="for example https://example.org/path")
    scheme = parts["scheme"].lower()
    if scheme not in _PORTS:
        raise ToolFault(f"the scheme {scheme}: is not supported", help="use http or https")
    if "@" in parts["authority"]:
        raise ToolFault("the URL holds a user name or a password", help="remove the part before @")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise ToolFault(f"{parts['authority']!r} is not a host")
    port = int(authority["port"]) if authority["port"] else _PORTS[scheme]
    if not (port in _PORTS.values() or 1024 <= port <= 65535):
        raise ToolFault(f"the port {port} belongs to another protocol", help="use 80, 443 or 1024 to 65535")
    path, query = parts["path"] or "/", parts["query"] or ""
    return Address(scheme, canonical_host(authority["host"]), port, _ascii(path + query))


def canonical_host(host: str) -> str:
    """Return a host in its one form.

    Raises:
        ToolFault: it is neither a name of two or more plain labels nor a canonical IP address.
    """
    if not host.isascii():
        raise ToolFault(f"the host {host!r} is not ASCII", help="write its xn-- form")
    if host.startswith("["):
        return _canonical_v6(host[1:-1])
    name = host.lower()
    if _ends_in_number(name):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ToolFault(f"the host {host!r} is an unusual way to write an address") from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ToolFault(
            f"{host!r} is not the full name of a host", help="two or more plain labels, no dot after"
        )
    return name


def host_granted(host: str, patterns: Iterable[str]) -> bool:
    """Whether one of a grant's patterns names a canonical host: itself, or by ``*.`` any name below it."""
    below = host.partition(".")[2] if not _is_ip(host) else ""
    suffixes = {f"*.{below}"} if below else set()
    while "." in below:
        below = below.partition(".")[2]
        suffixes.add(f"*.{below}")
    return any(pattern.lower() == host or pattern.lower() in suffixes for pattern in patterns)


def may_reach(address: IPAddress) -> bool:
    """Whether an address is public: global, for one machine, and so is every address that lies inside it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = tuple(_inner(address))
        if _inside_only(address):
            return all(may_reach(each) for each in inner)
        if address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6):
            return False
        if not all(may_reach(each) for each in inner):
            return False
    elif any(address in network for network in _REFUSED_V4):
        return False
    return address.is_global and not address.is_multicast


def _inside_only(address: ipaddress.IPv6Address) -> bool:
    """Whether an address is but a wrapping: then only what lies inside decides."""
    return address.ipv4_mapped is not None or address in _NAT64 or address.sixtofour is not None


def _inner(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Give the IPv4 addresses that a gateway on the way would unwrap."""
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    number = int(address)
    if address in _NAT64 or (number >> 32) & _LOW_32 in _ISATAP:
        yield ipaddress.IPv4Address(number & _LOW_32)


def _canonical_v6(text: str) -> str:
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        raise ToolFault(f"[{text}] is not an IPv6 address") from None
    if found.scope_id is not None:
        raise ToolFault(f"[{text}] names a network interface")
    return str(found)


def _ends_in_number(name: str) -> bool:
    """Whether any resolver could take a name for an IPv4 address: the rule of the WHATWG's URL standard."""
    last = name.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None


def _is_ip(host: str) -> bool:
    return ":" in host or _ends_in_number(host)


def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else quote(char, errors="replace") for char in text)
