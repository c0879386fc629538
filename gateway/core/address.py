"""Addresses that lead elsewhere than they seem to, and those that lead to who a machine is."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_TRANSLATED = IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48")

_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200")))
"""Where clouds tell a machine who it is beside 169.254.169.254: Amazon, Google, Alibaba."""


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
    if isinstance(found, IPv6Address):
        found = wrapped(found) or found
    return found.is_link_local or found in _METADATA
