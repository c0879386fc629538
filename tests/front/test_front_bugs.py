"""What nobody foresaw: a plain 500 without a word of the cause, all that is held given back, and the gateway runs on."""

import asyncio

import harness
import pytest
from edge import CALL, CANARY, CONFIG, Edge, assert_refused, post, read, send
from edge import edge as running

from gateway.front.connection import StrictServer

pytestmark = pytest.mark.xdist_group("front-bugs")

BROKEN_POLICY = f'''
def broken(request, candidates, context):
    raise {{error}}("{CANARY} and what the caller said: " + request.facts.prompt)
'''


@pytest.fixture(scope="module", params=["ValueError", "KeyError", "TimeoutError", "OSError", "RecursionError", "StopIteration"])
def gate(request, tmp_path_factory):
    """A gateway whose routing policy has a bug."""
    folder = tmp_path_factory.mktemp("bugs")
    (folder / "broken_policies.py").write_text(BROKEN_POLICY.format(error=request.param))
    config = CONFIG + "\nauto: {policy: broken_policies.broken}\ntiers: {standard: [ours]}\n"
    sim = harness.simulator(folder / "sim")
    (folder / "key").write_text("sk-x")
    config = config.replace("SIM_URL", sim.url).replace("SECRET", f'"${{file:{folder / "key"}}}"')
    gate = harness.gateway(folder / "gate", config, env={"PYTHONPATH": f"{harness.ROOT}:{folder}"})
    yield Edge(sim, gate)
    assert gate.stop() == 0
    sim.stop()


def test_a_bug_shows_nothing_costs_nothing_and_ends_nothing(gate):
    body = CALL.replace(b"sim-small", b"auto")
    booked, bill = gate.booked(), len(gate.bill())
    with gate.connect() as sock:
        send(sock, post(body, gate.bearer()))
        answer = read(sock)
        assert_refused(answer, 500, "internal_error")
        assert "Hi" not in answer.error["message"]
        send(sock, post(CALL, gate.bearer()))  # The connection is as good as before.
        assert read(sock).status == 200
    gate.at_rest()
    assert gate.booked() == booked + 1
    assert len(gate.bill()) == bill + 1
    assert "unhandled error in request" in gate.gate.stderr, "whoever runs it must hear of it"


@pytest.mark.parametrize("error", [ValueError, TimeoutError, LookupError])
async def test_a_bug_outside_of_all_that_catches_shows_nothing(error):
    """aiohttp's own answers tell the text of some errors."""

    async def handle(request):
        raise error(CANARY)

    server = StrictServer(handle, header_timeout_s=5)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    async with listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        await server.shutdown(1)
    assert said.startswith((b"HTTP/1.1 500 ", b"HTTP/1.1 504 "))
    assert b"internal_error" in said
    assert CANARY.encode() not in said
    assert b"Traceback" not in said
