"""Where webhooks may go: which addresses are public, which callback URLs a workflow allows; it connects nowhere."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

import idna

from handoffs.errors import Invalid

Address = IPv4Address | IPv6Address

MAX_URL_CHARS = 2048
MAX_HOST_CHARS = 253
DEFAULT_PORTS = {"http": 80, "https": 443}


class CallbackRefused(Invalid):
    """The desk will not call this URL; the message says why."""

    code = "callback_refused"
    title = "The callback URL is refused"


@dataclass(frozen=True, kw_only=True)
class DeniedRange:
    """A block that webhooks never reach; `inside` blocks open where the operator allows private addresses."""

    network: IPv4Network | IPv6Network
    what: str
    source: str
    inside: bool = False


def _denied(network: str, what: str, source: str, *, inside: bool = False) -> DeniedRange:
    return DeniedRange(network=ip_network(network), what=what, source=source, inside=inside)


DENIED_IPV4 = (
    _denied("0.0.0.0/8", "this host", "RFC 1122"),
    _denied("10.0.0.0/8", "private", "RFC 1918", inside=True),
    _denied("100.64.0.0/10", "carrier-grade NAT", "RFC 6598"),
    _denied("127.0.0.0/8", "loopback", "RFC 1122", inside=True),
    _denied("168.63.129.16/32", "platform services of Azure", "Azure virtual network manual"),
    _denied("169.254.0.0/16", "link-local", "RFC 3927"),
    _denied("172.16.0.0/12", "private", "RFC 1918", inside=True),
    _denied("192.0.0.0/24", "protocol assignments", "RFC 6890"),
    _denied("192.0.2.0/24", "documentation", "RFC 5737"),
    _denied("192.31.196.0/24", "AS112", "RFC 7535"),
    _denied("192.52.193.0/24", "multicast tunnels", "RFC 7450"),
    _denied("192.88.99.0/24", "6to4 relay", "RFC 7526"),
    _denied("192.168.0.0/16", "private", "RFC 1918", inside=True),
    _denied("192.175.48.0/24", "AS112", "RFC 7534"),
    _denied("198.18.0.0/15", "benchmarking", "RFC 2544"),
    _denied("198.51.100.0/24", "documentation", "RFC 5737"),
    _denied("203.0.113.0/24", "documentation", "RFC 5737"),
    _denied("224.0.0.0/4", "multicast", "RFC 5771"),
    _denied("255.255.255.255/32", "broadcast", "RFC 919"),
    _denied("240.0.0.0/4", "reserved", "RFC 1112"),
)

# First match names the block, so the narrow ones stand before the wide ones that hold them.
DENIED_IPV6 = (
    _denied("::/128", "unspecified", "RFC 4291"),
    _denied("::1/128", "loopback", "RFC 4291", inside=True),
    _denied("::ffff:0:0/96", "IPv4-mapped", "RFC 4291"),
    _denied("::ffff:0:0:0/96", "IPv4-translated", "RFC 7915"),
    _denied("::/96", "IPv4-compatible", "RFC 4291"),
    _denied("64:ff9b::/96", "NAT64", "RFC 6052"),
    _denied("64:ff9b:1::/48", "local NAT64", "RFC 8215"),
    _denied("::/8", "reserved", "RFC 4291"),
    _denied("100::/64", "discard only", "RFC 6666"),
    _denied("100::/8", "reserved", "RFC 4291"),
    _denied("200::/7", "reserved", "RFC 4048"),
    _denied("400::/6", "reserved", "RFC 4291"),
    _denied("800::/5", "reserved", "RFC 4291"),
    _denied("1000::/4", "reserved", "RFC 4291"),
    _denied("2001::/32", "Teredo", "RFC 4380"),
    _denied("2001:2::/48", "benchmarking", "RFC 5180"),
    _denied("2001:10::/28", "ORCHID", "RFC 4843"),
    _denied("2001:20::/28", "ORCHIDv2", "RFC 7343"),
    _denied("2001:30::/28", "drone identifiers", "RFC 9374"),
    _denied("2001::/23", "protocol assignments", "RFC 2928"),
    _denied("2001:db8::/32", "documentation", "RFC 3849"),
    _denied("2002::/16", "6to4", "RFC 3056"),
    _denied("2620:4f:8000::/48", "AS112", "RFC 7534"),
    _denied("3ffe::/16", "6bone, returned", "RFC 3701"),
    _denied("3fff::/20", "documentation", "RFC 9637"),
    _denied("5f00::/16", "segment routing", "RFC 9602"),
    _denied("4000::/2", "reserved", "RFC 4291"),
    _denied("8000::/2", "reserved", "RFC 4291"),
    _denied("c000::/3", "reserved", "RFC 4291"),
    _denied("e000::/4", "reserved", "RFC 4291"),
    _denied("f000::/5", "reserved", "RFC 4291"),
    _denied("f800::/6", "reserved", "RFC 4291"),
    _denied("fc00::/7", "unique local", "RFC 4193", inside=True),
    _denied("fe00::/9", "reserved", "RFC 4291"),
    _denied("fe80::/10", "link-local", "RFC 4291"),
    _denied("fec0::/10", "site-local", "RFC 3879"),
    _denied("ff00::/8", "multicast", "RFC 4291"),
)


def denial_of(address: Address) -> DeniedRange | None:
    """The block of the deny list that holds `address`, or None where it is public."""
    ranges = DENIED_IPV4 if address.version == 4 else DENIED_IPV6
    return next((denied for denied in ranges if address in denied.network), None)


def is_public(address: Address) -> bool:
    """Whether `address` is a place on the internet, outside every block that is special or not handed out."""
    return denial_of(address) is None


def may_connect(address: Address, *, allow_private: bool) -> bool:
    """Whether a webhook may connect to `address`.

    `allow_private` opens loopback, RFC 1918 and unique local addresses, and nothing else: link-local stays closed,
    because cloud machines hand out their credentials there.
    """
    denied = denial_of(address)
    return denied is None or (allow_private and denied.inside)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL taken apart. `host` is lower case, in its ASCII form and without brackets; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The host as an address where it is written as one, else None."""
        return _address_of(self.host)


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """Take `url` apart, strictly, so that who checks it and who calls it read the same host.

    Raises CallbackRefused for anything but an absolute http or https URL of at most 2,048 characters, and for user
    names, fragments, white space, backslashes, port 0 and names that cannot exist.
    """
    _refuse_unreadable(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CallbackRefused(f"The URL cannot be read: {error}") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise CallbackRefused("Only http and https can be called")
    host, port = _split_host(parts.netloc)
    path = quote(parts.path or "/", safe=_PATH_CHARS)
    query = f"?{quote(parts.query, safe=_PATH_CHARS + '?')}" if parts.query else ""
    return Target(scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme], path=path + query)


_PATH_CHARS = "/%:@!$&'()*+,;=~-._"
_UNREADABLE = re.compile(r"[\x00-\x20\x7f\\]")
_NETLOC = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def _refuse_unreadable(url: str) -> None:
    if len(url) > MAX_URL_CHARS:
        raise CallbackRefused(f"The URL is longer than {MAX_URL_CHARS} characters")
    if _UNREADABLE.search(url):
        raise CallbackRefused("White space, control characters and backslashes do not belong in a URL")
    if "#" in url:
        raise CallbackRefused("A fragment (#) is never sent; leave it out")


def _split_host(netloc: str) -> tuple[str, int | None]:
    if "@" in netloc:
        raise CallbackRefused("User names and passwords do not belong in a URL")
    match = _NETLOC.fullmatch(netloc)
    if match is None:
        raise CallbackRefused("The URL names no host that can be read")
    return _host_of(match["host"]), _port_of(match["port"])


def _port_of(digits: str | None) -> int | None:
    if digits is None:
        return None
    if not 0 < int(digits) <= 65535:
        raise CallbackRefused("Ports go from 1 to 65535")
    return int(digits)


def _host_of(text: str) -> str:
    if text.startswith("["):
        return _ipv6_of(text[1:-1])
    host = _ascii_of(text).removesuffix(".")
    if len(host) > MAX_HOST_CHARS or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise CallbackRefused("The host is not a name that can exist")
    return host


def _ipv6_of(text: str) -> str:
    try:
        return IPv6Address(text).compressed
    except ValueError as error:
        raise CallbackRefused("What stands in brackets is not an IPv6 address") from error


def _ascii_of(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise CallbackRefused(f"The host is not a name that can exist: {error}") from error


def _address_of(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def check_callback_url(url: str, allowed_hosts: Iterable[str]) -> None:
    """Refuse a callback URL whose host is not on the workflow's allow-list.

    An entry is a host (`erp.example`, any port), a host and port (`erp.example:8443`, `[2001:db8::1]:8443`) or a
    wildcard (`*.erp.example`, every name below but not the name itself). Addresses match only entries that write them
    out. Raises CallbackRefused.
    """
    target = target_of(url)
    if any(_allows(entry, target) for entry in allowed_hosts):
        return
    if is_odd_address(target.host):
        raise CallbackRefused("Write the address in its usual form, such as 192.0.2.7", host=target.host)
    raise CallbackRefused("The host is not on the workflow's list of allowed hosts", host=target.host)


def is_odd_address(host: str) -> bool:
    """Whether resolvers read `host` as an IPv4 address though it is not written as four decimal numbers."""
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None and _address_of(host) is None


def _allows(entry: str, target: Target) -> bool:
    wildcard = entry.startswith("*.")
    try:
        host, port = _split_entry(entry.removeprefix("*."))
    except CallbackRefused:
        return False
    if port not in (None, target.port):
        return False
    return _is_below(target.host, host) if wildcard else target.host == host


def _split_entry(entry: str) -> tuple[str, int | None]:
    address = _address_of(entry)
    return (address.compressed, None) if address else _split_host(entry)


def _is_below(host: str, parent: str) -> bool:
    return host.endswith(f".{parent}") and _address_of(host) is None and not is_odd_address(host)
