"""What all processes of one gateway share."""

import socket

import pytest

from gateway.cli.places import reserved_port


def test_a_port_that_is_taken_is_told_with_where_it_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        reserving = reserved_port("127.0.0.1", port, "server.port, or --port")
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port}: .* in use \(server\.port, or --port\)$"), reserving:
            pass
