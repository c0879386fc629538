"""Addresses of the link, in every wrapping; what is public stands in the tests of alerts."""

import pytest

from gateway.core.address import link_local


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
     "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254", "fd20:ce::254",
     "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:c1::a9fe:a9fe", "fd00:42::42", "::169.254.169.254",
     "::ffff:0:169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9fe:a9:fe00:808:808", "2002:a83f:8110::",
     "2001:0:102:304:0:0:5601:5601"],
)  # fmt: skip
def test_addresses_of_the_link_and_of_metadata(address):
    assert link_local(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.5",
        "::",
        "::1",
        "fd00::1",
        "8.8.8.8",
        "::ffff:10.0.0.5",
        "168.63.129.17",
        "64:ff9b:1::808:808",
        "2001:0:102::",
    ],
)
def test_others_are_not_whether_private_or_public(address):
    assert not link_local(address)


def test_a_name_is_no_address():
    with pytest.raises(ValueError, match="localhost"):
        link_local("localhost")
