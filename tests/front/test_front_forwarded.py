"""Where a request comes from: nothing is believed that no trusted proxy has written."""

import pytest

from gateway.front.forwarded import origin

TRUSTED = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "10.0.0.5", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", " 192.0.2.1 ", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.1, unknown", ""),
        ("10.0.0.1", "192.0.2.1, , 10.0.0.2", ""),
        ("10.0.0.1", "192.0.2.1:443", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1:443, 10.0.0.2:8080", "192.0.2.1"),
        ("10.0.0.1", "[2001:db9::1]:443", "2001:db9::1"),
        ("10.0.0.1", "[2001:db9::1]", "2001:db9::1"),
        ("10.0.0.1", "192.0.2.1:443:1", ""),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:DB9::1", "2001:db9::1"),
        ("", "192.0.2.1", ""),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has(peer, forwarded, found):
    assert origin(peer, forwarded, TRUSTED) == found


def test_without_trusted_proxies_the_peer_is_all_that_counts():
    assert origin("10.0.0.1", "192.0.2.1", ()) == "10.0.0.1"
