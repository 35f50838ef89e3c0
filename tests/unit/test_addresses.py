"""Addresses: the forms in which a request could be led astray, one line each."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.trust.addresses import host_granted, may_reach, parse
from scheduler.errors import ToolFault

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTPS://Example.ORG/a?b=c#d", "https://example.org/a?b=c"),
        ("https://example.org:443/", "https://example.org/"),
        ("http://example.org:8080/x", "http://example.org:8080/x"),
        ("https://example.org?q=1", "https://example.org/?q=1"),
        ("https://example.org/Köln?ü", "https://example.org/K%C3%B6ln?%C3%BC"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        (f"https://{PUBLIC}/", f"https://{PUBLIC}/"),
        ("https://[2606:4700:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
        ("https://example.org/a@b:c", "https://example.org/a@b:c"),
    ],
)
def test_a_plain_url_has_one_form(url: str, canonical: str) -> None:
    assert parse(url).url == canonical
    assert parse(canonical) == parse(url)


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("", "not a URL"),
        ("example.org", "not a URL"),
        ("http:example.org", "not a URL"),
        ("http:/example.org", "not a URL"),
        ("file:///etc/passwd", "scheme file:"),
        ("gopher://example.org:6379/_", "scheme gopher:"),
        ("ftp://example.org/", "scheme ftp:"),
        ("data://text/plain,x", "scheme data:"),
        ("//", "not the full name"),
        ("///path", "not the full name"),
        ("//localhost/", "not the full name"),
        ("//metadata/", "not the full name"),
        ("//user@example.org/", "user name"),
        ("//user:pass@example.org/", "user name"),
        ("//example.org@127.0.0.1/", "user name"),
        ("//example.org:80@127.0.0.1/", "user name"),
        ("//example.org\\@127.0.0.1/", "backslash"),
        ("//127.0.0.1\\.example.org/", "backslash"),
        ("http:\\\\example.org/", "backslash"),
        ("//exam ple.org/", "blank"),
        ("// example.org/", "blank"),
        ("//example.org/\r\nHost: evil.example", "control character"),
        ("//example.org/\t", "control character"),
        ("//example.org/\x00", "control character"),
        ("//example.org/\u2028", "blank"),
        ("//2130706433/", "unusual way"),
        ("//0x7f000001/", "unusual way"),
        ("//0x7f.1/", "unusual way"),
        ("//0177.1/", "unusual way"),
        ("//0177.0.0.1/", "unusual way"),
        ("//127.1/", "unusual way"),
        ("//127.0.0.1./", "unusual way"),
        ("//127.0.0.01/", "unusual way"),
        ("//1.2.3.4.5/", "unusual way"),
        ("//256.1.1.1/", "unusual way"),
        ("//example.0x/", "unusual way"),
        ("//example.org./", "not the full name"),
        ("//example..org/", "not the full name"),
        ("//.example.org/", "not the full name"),
        ("//-example.org/", "not the full name"),
        ("//exa_mple.org/", "not the full name"),
        ("//exa%6dple.org/", "not the full name"),
        ("//127.0.0.1%2f.example.org/", "not the full name"),
        ("//*.example.org/", "not the full name"),
        (f"//{'a' * 64}.org/", "not the full name"),
        ("//\uff11\uff12\uff17.0.0.1/", "not ASCII"),
        ("//127\u30020\u30020\u30021/", "not ASCII"),
        ("//\u24d4xample.org/", "not ASCII"),
        ("//bücher.example/", "not ASCII"),
        ("//[::1/", "not a host"),
        ("//::1/", "not a host"),
        ("//[fe80::1%25eth0]/", "network interface"),
        ("//[fe80::1%eth0]/", "network interface"),
        ("//[127.0.0.1]/", "not an IPv6 address"),
        ("//[v1.x]/", "not an IPv6 address"),
        ("//example.org:/", "not a host"),
        ("//example.org:0/", "port 0"),
        ("//example.org:22/", "port 22"),
        ("//example.org:25/", "port 25"),
        ("//example.org:99999/", "port 99999"),
        ("//example.org:-1/", "not a host"),
        ("//example.org:+80/", "not a host"),
        ("//example.org:80:80/", "not a host"),
        ("//example.org/" + "a" * 5000, "characters"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str, because: str) -> None:
    """What begins with two slashes is a URL of http."""
    with pytest.raises(ToolFault, match=because):
        parse(f"http:{url}" if url.startswith("//") else url)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:a00:1::1",
        "2002:6440:1::1",
        "2001:0:808:808:0:0:80ff:fffe",
        "2001:0:7f00:1:0:0:f7f7:f7f7",
        "2001:0:808:808:0:0:f7f7:f7f7",
        "2606:4700::5efe:10.0.0.1",
        "2606:4700::200:5efe:127.0.0.1",
        "2001:db8::1",
        "2001:2::1",
        "3fff::1",
        "5f00::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "4000::1",
    ],
)
def test_an_address_that_is_not_public_is_not_reached(text: str) -> None:
    assert not may_reach(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.1",
        "172.32.0.1",
        "2606:4700::1111",
        "2a00:1450:4001:80b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2606:4700::5efe:8.8.8.8",
    ],
)
def test_a_public_address_is_reached_wrapped_or_not(text: str) -> None:
    assert may_reach(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("host", "pattern", "granted"),
    [
        ("example.org", "example.org", True),
        ("example.org", "Example.org", True),
        ("www.example.org", "example.org", False),
        ("www.example.org", "*.example.org", True),
        ("a.b.example.org", "*.example.org", True),
        ("example.org", "*.example.org", False),
        ("evilexample.org", "*.example.org", False),
        ("example.org.evil.net", "*.example.org", False),
        ("example.org", "*", False),
        ("example.org", "*.*", False),
        ("example.org", "", False),
        ("www.example.org", "w*.example.org", False),
        ("93.184.215.14", "93.184.215.14", True),
        ("93.184.215.14", "*.184.215.14", False),
        ("2606:4700::1111", "2606:4700::1111", True),
    ],
)
def test_a_grant_names_a_host_or_all_below_it(host: str, pattern: str, granted: bool) -> None:
    assert host_granted(host, (pattern,)) is granted
    assert not host_granted(host, ())


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://example.org/b"),
        ("b?c", "https://example.org/x/b?c"),
        ("//other.example/b", "https://other.example/b"),
        ("https://other.example", "https://other.example/"),
    ],
)
def test_a_redirect_is_read_like_any_url(location: str, leads_to: str) -> None:
    assert parse("https://example.org/x/a").follow(location).url == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "http://example.org/",
        "file:///etc/passwd",
        "//user@other.example/",
        "//2130706433/",
        "//[::1",
        "/a\r\nX: y",
        "/\\a",
    ],
)
def test_a_redirect_cannot_do_what_a_url_cannot(location: str) -> None:
    with pytest.raises(ToolFault):
        parse("https://example.org/").follow(location)


@given(st.text(alphabet=st.sampled_from("ab1.:/?#@[]%\\-x0 \n\u00fc\uff11\ud800"), max_size=30))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for read in (parse, parse("https://example.org/").follow, lambda rest: parse(f"http://{rest}")):
        try:
            found = read(text)
        except ToolFault:
            continue
        assert found.url.isascii()
        assert parse(found.url) == found, "what it became is what it stays"
