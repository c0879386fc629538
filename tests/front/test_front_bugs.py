"""What nobody foresaw: a plain 500 without a word of the cause, nothing stays held, and the gateway runs on."""

import asyncio

import harness
import pytest
from edge import CALL, CANARY, CONFIG, assert_refused, post, read, send
from edge import edge as running
from inside import door

from gateway.front.listener import Listener

pytestmark = pytest.mark.xdist_group("front-bugs")

BROKEN_POLICY = f"""
import builtins
from gateway.core.route import Decision
def broken(prompt):
    raise getattr(builtins, prompt)("{CANARY} and what the caller said: " + prompt)
class Plan(tuple):
    def __getitem__(self, at):
        broken(self.prompt)
def choose(request, candidates, context):
    kind, _, prompt = request.facts.prompt.rpartition(" ")
    if kind:
        broken(prompt)
    plan = Plan(candidates)
    plan.prompt = prompt
    return Decision(plan, "none")
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A gateway whose routing policy raises what it is asked for, or where the gateway reads its plan."""
    folder = tmp_path_factory.mktemp("bugs")
    (folder / "broken_policy.py").write_text(BROKEN_POLICY)
    config = CONFIG + "\nauto: {policy: broken_policy}\ntiers: {standard: [ours]}\n"
    paths = f"{harness.ROOT}:{folder}"
    with running(folder, config, env={"PYTHONPATH": paths}, checked=False) as found:
        yield found


@pytest.mark.parametrize(
    "error", ["ValueError", "KeyError", "TimeoutError", "OSError", "RecursionError", "StopIteration"]
)
def test_a_bug_shows_nothing_costs_nothing_and_ends_nothing(gate, error):
    body = CALL.replace(b"sim-small", b"auto").replace(b"Hi", error.encode())
    booked, bill = gate.booked(), len(gate.bill())
    with gate.connect() as sock:
        send(sock, post(body, gate.bearer()))
        answer = read(sock)
        assert_refused(answer, 500, "internal_error")
        assert error not in answer.error["message"]
        send(sock, post(CALL, gate.bearer()))  # The connection is as good as before.
        assert read(sock).status == 200
    gate.at_rest()
    assert gate.booked() == booked + 1
    assert len(gate.bill()) == bill + 1
    assert "unhandled error in request" in gate.gate.stderr, "whoever runs it must hear of it"


def test_a_policy_that_fails_is_named_and_not_quoted(gate):
    with gate.connect() as sock:
        send(sock, post(CALL.replace(b"sim-small", b"auto").replace(b"Hi", b"policy ValueError"), gate.bearer()))
        answer = read(sock)
    assert_refused(answer, 500, "policy_failed")
    assert answer.error["message"] == "The routing policy broken_policy failed."
    gate.at_rest()
    assert "ValueError: " in gate.gate.stderr, "whoever runs it must learn what it raised"


@pytest.mark.parametrize("error", [ValueError, TimeoutError, LookupError])
async def test_a_bug_outside_of_all_that_catches_shows_nothing(error):
    async def handle(exchange):
        raise error(CANARY)

    listener = Listener(handle, door(), header_timeout_s=5)
    port = await listener.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n")
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    await listener.close(1)
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"internal_error" in said
    assert CANARY.encode() not in said
    assert b"Traceback" not in said
