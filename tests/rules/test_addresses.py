"""Which addresses are public, and which callback URLs a workflow's allow-list lets through."""

from ipaddress import ip_address

import pytest

from handoffs.rules.addresses import (
    DENIED_IPV4,
    DENIED_IPV6,
    CallbackRefused,
    Target,
    check_callback_url,
    denial_of,
    is_odd_address,
    is_public,
    may_connect,
    target_of,
)

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.88.98.255",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.114.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]

CLOSED = [
    ("0.0.0.0", "this host"),
    ("0.255.255.255", "this host"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier-grade NAT"),
    ("100.100.100.200", "carrier-grade NAT"),
    ("100.127.255.255", "carrier-grade NAT"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "platform services of Azure"),
    ("169.254.0.1", "link-local"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.1", "protocol assignments"),
    ("192.0.0.170", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "AS112"),
    ("192.52.193.1", "multicast tunnels"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "AS112"),
    ("198.18.0.0", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.255", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "IPv4-compatible"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped"),
    ("::ffff:0:127.0.0.1", "IPv4-translated"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::7f00:1", "local NAT64"),
    ("64:ff9c::1", "reserved"),
    ("100::1", "discard only"),
    ("100:0:0:1::1", "reserved"),
    ("200::1", "reserved"),
    ("400::1", "reserved"),
    ("800::1", "reserved"),
    ("1000::1", "reserved"),
    ("2001::1", "Teredo"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
    ("2001:1::1", "protocol assignments"),
    ("2001:2::1", "benchmarking"),
    ("2001:10::1", "ORCHID"),
    ("2001:2f:ffff::1", "ORCHIDv2"),
    ("2001:30::1", "drone identifiers"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("2002:808:808::1", "6to4"),
    ("2620:4f:8000::1", "AS112"),
    ("3ffe::1", "6bone, returned"),
    ("3fff::1", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "segment routing"),
    ("8000::1", "reserved"),
    ("c000::1", "reserved"),
    ("e000::1", "reserved"),
    ("f000::1", "reserved"),
    ("f800::1", "reserved"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local"),
    ("fe00::1", "reserved"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("febf:ffff::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
]


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_on_the_internet_is_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(("text", "what"), CLOSED)
def test_a_special_address_is_closed_and_named(text, what):
    denied = denial_of(ip_address(text))
    assert denied is not None
    assert denied.what == what
    assert not is_public(ip_address(text))


def test_every_row_of_the_deny_list_is_the_one_that_names_some_address():
    named = {denied for text, _ in CLOSED if (denied := denial_of(ip_address(text)))}
    assert named == {*DENIED_IPV4, *DENIED_IPV6}
    assert all(denied.source for denied in named)


def test_outside_2000_3_nothing_of_ipv6_is_public():
    prefixes = [ip_address(f"{first:x}00::9") for first in range(256) if not 0x20 <= first <= 0x3F]
    assert [str(address) for address in prefixes if is_public(address)] == []


INSIDE = {"10.0.0.1", "127.0.0.1", "172.16.9.9", "192.168.1.1", "::1", "fd00::7"}


@pytest.mark.parametrize("text", sorted({text for text, _ in CLOSED} | INSIDE))
def test_allowing_private_addresses_opens_loopback_and_private_ones_only(text):
    address = ip_address(text)
    denied = denial_of(address)
    assert not may_connect(address, allow_private=False)
    assert may_connect(address, allow_private=True) is (denied.what in {"private", "loopback", "unique local"})


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://erp.example", Target(scheme="http", host="erp.example", port=80, path="/")),
        ("HTTPS://ERP.Example/Hook", Target(scheme="https", host="erp.example", port=443, path="/Hook")),
        (
            "https://erp.example.:8443/a?b=c&d=%20",
            Target(scheme="https", host="erp.example", port=8443, path="/a?b=c&d=%20"),
        ),
        (
            "https://bücher.example/ü?é=1",
            Target(scheme="https", host="xn--bcher-kva.example", port=443, path="/%C3%BC?%C3%A9=1"),
        ),
        ("http://[2001:DB8::0:1]:81/", Target(scheme="http", host="2001:db8::1", port=81, path="/")),
        ("http://①②⑦.⓪.⓪.①/", Target(scheme="http", host="127.0.0.1", port=80, path="/")),
        ("http://127。0。0。1/", Target(scheme="http", host="127.0.0.1", port=80, path="/")),
        ("http://a_b.example/x;y=1/[z]", Target(scheme="http", host="a_b.example", port=80, path="/x;y=1/%5Bz%5D")),
        ("http://erp.example?q=1", Target(scheme="http", host="erp.example", port=80, path="/?q=1")),
    ],
)
def test_a_url_is_taken_apart_into_what_is_called(url, target):
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "erp.example/hook",
        "//erp.example/hook",
        "ftp://erp.example/",
        "file:///etc/passwd",
        "gopher://erp.example/",
        "javascript:alert(1)",
        "unix:///run/valkey.sock",
        "http:///hook",
        "http://",
        "http://?x",
        "http://ann@erp.example/",
        "http://ann:secret@erp.example/",
        "http://erp.example@127.0.0.1/",
        "http://erp.example:80@127.0.0.1/",
        "http://erp.example/#part",
        "http://erp.example#@127.0.0.1/",
        "http://erp.example\\@127.0.0.1/",
        "http://erp.example/a b",
        "http://erp.example/a\tb",
        "http://erp.example/\r\nX-Header: 1",
        " http://erp.example/",
        "http://erp.example/\x00",
        "http://erp.example:0/",
        "http://erp.example:65536/",
        "http://erp.example:/",
        "http://erp.example:8o/",
        "http://erp.example:١/",
        "http://erp..example/",
        "http://.erp.example/",
        "http://-erp.example/",
        "http://erp.example../",
        "http://erp%2eexample/",
        "http://127.0.0.1%00.erp.example/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]x/",
        "http://[v1.fe]/",
        "http://[127.0.0.1]/",
        f"http://{'a' * 64}.example/",
        f"http://{'.'.join(['abcdefgh'] * 30)}/",
        f"http://erp.example/{'a' * 2048}",
        "http://erp℀.example/",
        "http://\ud800.example/",
    ],
)
def test_a_url_that_two_programs_could_read_differently_is_refused(url):
    with pytest.raises(CallbackRefused) as refusal:
        target_of(url)
    assert refusal.value.message
    with pytest.raises(CallbackRefused):
        check_callback_url(url, ["erp.example", "*.example", "127.0.0.1", "[::1]"])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://erp.example/hook", "erp.example"),
        ("https://ERP.example./hook", "Erp.Example"),
        ("https://erp.example:8443/hook", "erp.example"),
        ("https://erp.example:8443/hook", "erp.example:8443"),
        ("https://erp.example/hook", "erp.example:443"),
        ("http://a.erp.example/", "*.erp.example"),
        ("http://a.b.erp.example/", "*.erp.example"),
        ("http://a.erp.example:81/", "*.erp.example:81"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example/", "Bücher.example"),
        ("http://127.0.0.1:9000/", "127.0.0.1"),
        ("http://[::1]:9000/", "[::1]:9000"),
        ("http://[0:0::1]/", "::1"),
        ("http://[2001:db8::1]/", "[2001:DB8:0::1]"),
        ("http://2130706433/", "2130706433"),
        ("http://0x7f.1/", "0x7F.1"),
    ],
)
def test_a_host_on_the_list_is_let_through(url, entry):
    check_callback_url(url, ["other.example", entry])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://erp.example/", "example"),
        ("https://erp.example.evil.example/", "erp.example"),
        ("https://evil-erp.example/", "erp.example"),
        ("https://erp.example:8443/", "erp.example:443"),
        ("http://erp.example/", "erp.example:443"),
        ("http://erp.example/", "*.erp.example"),
        ("http://aerp.example/", "*.erp.example"),
        ("http://a.erp.example:82/", "*.erp.example:81"),
        ("http://127.0.0.1/", "*.0.0.1"),
        ("http://127.1/", "*.1"),
        ("http://127.0.0.1/", "*"),
        ("http://erp.example/", "*"),
        ("http://erp.example/", ""),
        ("http://erp.example/", "http://erp.example/"),
        ("http://erp.example/", "ann@erp.example"),
        ("http://[::1]/", "[::2]"),
        ("http://еrp.example/", "erp.example"),
    ],
)
def test_a_host_that_is_not_on_the_list_is_refused(url, entry):
    with pytest.raises(CallbackRefused):
        check_callback_url(url, [entry])


def test_an_empty_list_allows_nothing():
    with pytest.raises(CallbackRefused, match="list of allowed hosts") as refusal:
        check_callback_url("https://erp.example/", [])
    assert refusal.value.code == "callback_refused"
    assert refusal.value.details == {"host": "erp.example"}


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "0x",
        "256.1.1.1",
    ],
)
def test_an_address_in_an_odd_spelling_is_refused_unless_it_is_listed_as_such(host):
    assert is_odd_address(host)
    with pytest.raises(CallbackRefused, match="usual form"):
        check_callback_url(f"http://{host}/", ["127.0.0.1", "*.0.0.1", "localhost"])
    check_callback_url(f"http://{host}/", [host])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "erp.example", "4chan.example", "1password.com", "::1", "0xfeed.example"]
)
def test_names_and_plain_addresses_are_not_odd(host):
    assert not is_odd_address(host)
