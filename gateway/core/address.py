"""Addresses that lead elsewhere than they seem to, and those that lead to who a machine is."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_TRANSLATED_HERE = IPv6Network("64:ff9b:1::/48")
_TRANSLATED = IPv6Network("64:ff9b::/96"), _TRANSLATED_HERE

_EMBEDDING = IPv6Network("::/8")
"""Whatever ends with an IPv4 address: compatible, mapped and translated ones (RFC 4291, RFC 2765, RFC 6052)."""

_METADATA = frozenset(
    ip_address(one)
    for one in (
        "fd00:ec2::254",  # Amazon.
        "fd20:ce::254",  # Google.
        "100.100.100.200",  # Alibaba.
        "168.63.129.16",  # Azure.
        "192.0.0.192",  # Oracle.
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",  # Scaleway.
    )
)
"""Where clouds tell a machine who it is beside 169.254.169.254."""


def wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address behind one that is mapped (RFC 4291, section 2.5.5), 6to4 (RFC 3056) or translated (NAT64, RFC
    6052 and RFC 8215): where such a gateway is at hand, it leads there."""
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def link_local(address: str) -> bool:
    """Whether an IP address, also a wrapped one, is of the link or of a cloud's metadata, which hand out credentials to
    whoever asks from this machine. Raises ValueError for what is no IP address."""
    found = ip_address(address.partition("%")[0])
    if found.is_link_local or found in _METADATA:
        return True
    inside = _inside(found) if isinstance(found, IPv6Address) else ()
    return any(one.is_link_local or one in _METADATA for one in inside)


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that a gateway may read in it."""
    number = int(address)
    if address in _EMBEDDING:
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in _TRANSLATED_HERE:  # RFC 6052, section 2.2: a prefix of 48 bits has it around the ninth byte.
        yield IPv4Address(number >> 48 & 0xFFFF0000 | number >> 40 & 0xFFFF)
    yield from filter(None, (address.sixtofour, *(address.teredo or ())))
