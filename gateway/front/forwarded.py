"""Where a request really comes from, behind proxies that are trusted. Pure."""

from __future__ import annotations

from ipaddress import ip_address

from gateway.tenants import within


def origin(peer: str, forwarded: str, trusted: tuple[str, ...]) -> str:
    """The address of the caller: the last one that no trusted proxy has, from the peer back through X-Forwarded-For.

    Each proxy appends whom it was asked by, so only what trusted ones have written is believed. Where one of them wrote
    something else than an address, nobody knows who asked: "", which is in no network.
    """
    found = peer
    for hop in reversed([text.strip() for text in forwarded.split(",")] if forwarded else []):
        if not trusted or not within(trusted, found):
            break
        found = _address(hop)
    return found


def _address(hop: str) -> str:
    """The address in what a proxy wrote, without the port that some add; "" where there is none."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ip_address(hop))
    except ValueError:
        return ""
