"""Whom the operator may name: anybody, at private addresses too, but nobody at an address of the link."""

import pytest

from gateway.config.units import UnreadableError
from gateway.config.urls import base_url, feed, url

METADATA = (
    "169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376",
    "0251.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[fe80::1%25eth0]",
    "[fd00:ec2::254]", "[fd20:ce::254]", "100.100.100.200", "metadata.google.internal", "Metadata.Google.Internal.",
    "168.63.129.16", "192.0.0.192", "[fd00:c1::a9fe:a9fe]", "[fd00:42::42]", "[::169.254.169.254]", "metadata",
    "Instance-Data.", "[64:ff9b:1:a9fe:a9:fe00::]",
)  # fmt: skip
OTHERS = (
    "127.0.0.1", "10.0.0.5", "[::1]", "[fd00::5]", "2130706433", "gpu-1", "api.example.com", "169.254.example",
    "metadata.acme.internal", "instance-data-1",
)  # fmt: skip


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("reads", [base_url, feed])
def test_no_provider_and_no_feed_is_at_an_address_of_the_link(host, reads):
    with pytest.raises(UnreadableError, match="address of the link"):
        reads(f"http://{host}:8000/v1")


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("reads", [base_url, feed])
def test_private_addresses_and_names_are_believed(host, reads):
    assert reads(f"http://{host}:8000/v1") == f"http://{host}:8000/v1"


@pytest.mark.parametrize(
    "host",
    ["169.254.169%2e254", "%31%36%39.254.169.254", "metadata%2egoogle.internal", "api%2Eexample.com", "[::1]%2e"],
)
@pytest.mark.parametrize("reads", [base_url, feed, url])
def test_a_host_is_written_out(host, reads):
    """Some that connect decode it, and then ask somebody else."""
    with pytest.raises(UnreadableError, match="no % in its host"):
        reads(f"http://{host}:8000/v1")


@pytest.mark.parametrize("authority", ["collector\\@10.0.0.5", "127.0.0.1\\.example.com", "gpu-1\\"])
@pytest.mark.parametrize("reads", [base_url, feed, url])
def test_a_host_has_no_backslash(authority, reads):
    """Some end the host there, as at a slash."""
    with pytest.raises(UnreadableError, match=r"no user or password|no .* in its host"):
        reads(f"http://{authority}:8000/v1")


@pytest.mark.parametrize("reads", [base_url, feed, url])
def test_an_address_may_name_its_zone(reads):
    assert reads("http://[fd00::5%25eth0]:8000/a%20b") == "http://[fd00::5%25eth0]:8000/a%20b"


def test_a_machine_may_be_asked_what_its_cloud_says_of_it():
    assert url("http://169.254.169.254/latest/meta-data/spot/instance-action")
