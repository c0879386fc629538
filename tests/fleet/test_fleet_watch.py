"""What the watcher makes of what engines answer."""

import asyncio
import logging
from pathlib import Path

import pytest

from gateway.core.errors import UpstreamError
from gateway.core.tenant import Drain
from gateway.fleet.backend import Backend, State
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.rate import constant
from gateway.fleet.watch import Watch, placed
from gateway.planning.gpus import Tier
from gateway.upstream.errors import Unreached

PAGE = (Path(__file__).parent / "pages" / "vllm.txt").read_bytes()
MODELS = b'{"data": [{"id": "llama"}]}'
WELL = {"/health": (200, b""), "/v1/models": (200, MODELS), "/metrics": (200, PAGE)}
NOTICE = "http://{host}:81/spot"


class Engine:
    """One engine as it answers, and the watch over it."""

    def __init__(self, kind="vllm", notice=""):
        machine = Machine("H100", 1, Tier.SPOT, constant(1), notice=notice) if notice else None
        self.backend = Backend("local", "gpu:8000", "http://gpu:8000/v1", kind=kind, machine=machine)
        self.answers = dict(WELL)
        self.failure = None
        self.asked = []
        self.changes = 0
        self.now = 100.0
        headers = {"local": {"Authorization": "Bearer k"}}
        self.watch = Watch(Fleet([self.backend]), self.get, lambda: self.now, self.changed, headers)

    def changed(self):
        self.changes += 1

    async def get(self, url, headers, bytes_max):
        self.asked.append((url, headers.get("Authorization")))
        if self.failure is not None:
            raise self.failure
        status, body = self.answers[url.partition("8000")[2] or url]
        return status, {}, body

    def look(self):
        """One round. Returns what the engine is then."""
        self.now += 1.0
        asyncio.run(self.watch.round())
        return self.backend.state


def test_an_engine_that_is_well():
    engine = Engine()
    assert engine.look() is State.READY
    assert engine.asked == [(f"http://gpu:8000{path}", "Bearer k") for path in ("/health", "/v1/models", "/metrics")]
    assert engine.backend.models == {"llama"}
    assert (engine.backend.load.running, engine.backend.load.at) == (5, 101.0)
    assert engine.backend.speed.prompt is None
    engine.answers["/metrics"] = (200, PAGE.replace(b'tokens_total{engine="0"', b'tokens_total{engine="00"') + PAGE)
    assert engine.look() is State.READY
    assert engine.backend.speed.prompt == 2000.0
    assert engine.changes == 1


def test_one_without_metrics():
    engine = Engine()
    engine.answers["/metrics"] = (501, b"start with --metrics")
    assert engine.look() is State.READY
    assert (engine.backend.load.running, engine.backend.load.at) == (None, 101.0)


UNREADABLE = [b"{}", b'{"data": [{"id": "\xff"}]}', b'{"x": ' + b"[" * 20_000]


@pytest.mark.parametrize("answer", [(404, b""), (405, b""), *((200, page) for page in UNREADABLE)])
def test_one_that_lists_no_models_may_serve_any(answer):
    engine = Engine(kind="")
    engine.answers["/v1/models"] = answer
    assert engine.look() is State.READY
    assert engine.backend.models is None
    assert engine.asked == [("http://gpu:8000/v1/models", "Bearer k")]


def test_one_that_loads():
    engine = Engine()
    engine.answers["/health"] = (503, b"loading")
    assert engine.look() is State.WARMING
    assert engine.backend.told == "its health page says 503"
    engine.answers["/health"] = (200, b"")
    assert engine.look() is State.READY
    assert engine.backend.told == ""
    engine.answers["/health"] = (503, b"dead")
    assert engine.look() is State.DOWN
    assert engine.look() is State.DOWN
    assert engine.backend.models == {"llama"}


def test_one_that_refuses_our_key():
    engine = Engine()
    engine.answers["/v1/models"] = (401, b"")
    assert engine.look() is State.DOWN
    engine.answers["/v1/models"] = (200, MODELS)
    assert engine.look() is State.READY
    engine.answers["/v1/models"] = (401, b"")
    assert engine.look() is State.DOWN
    assert engine.backend.told == "its list of models says 401"


def test_one_that_is_silent_is_down_after_a_while():
    engine = Engine()
    engine.look()
    engine.failure = UpstreamError("it said nothing")
    assert [engine.look() for _ in range(3)] == [State.READY, State.READY, State.DOWN]
    engine.failure = None
    assert engine.look() is State.READY
    engine.failure = UpstreamError("it said nothing")
    assert engine.look() is State.READY
    assert engine.backend.told == ""


def test_one_whose_answer_breaks_the_look_is_down_after_a_while():
    """No engine may end the watch over all others."""
    engine = Engine(notice=NOTICE)
    engine.answers["http://gpu:81/spot"] = (200, b"TRUE")
    engine.look()
    engine.failure = RuntimeError("a bug")
    assert [engine.look() for _ in range(3)] == [State.DRAINING, State.DRAINING, State.DOWN]
    assert engine.backend.told == "its answer cannot be read: RuntimeError"
    engine.failure = None
    assert engine.look() is State.DRAINING


def test_one_that_takes_no_connection_is_down_at_once():
    engine = Engine()
    engine.look()
    engine.failure = Unreached("no")
    assert engine.look() is State.DOWN
    assert engine.changes == 2


def test_one_that_is_not_there_yet_is_down_and_warms_up_once_it_is():
    engine = Engine()
    engine.failure = Unreached("no")
    assert [engine.look(), engine.look()] == [State.DOWN, State.DOWN]
    engine.failure, engine.answers["/health"] = None, (503, b"loading")
    assert [engine.look(), engine.look()] == [State.WARMING, State.WARMING]
    engine.answers["/health"] = (200, b"")
    assert engine.look() is State.READY


def test_one_that_answers_too_late(monkeypatch):
    engine = Engine()

    async def never(*_):
        await asyncio.Event().wait()

    engine.watch._get = never
    monkeypatch.setattr("gateway.fleet.watch.LOOK_S_MAX", 0.01)
    assert engine.look() is State.STARTING
    assert engine.backend.told == "no answer within 0.01 s"


def test_a_notice_drains_it_until_it_is_taken_back():
    engine = Engine(notice=NOTICE)
    engine.answers["http://gpu:81/spot"] = (404, b"")
    assert engine.look() is State.READY
    engine.answers["http://gpu:81/spot"] = (200, b"TRUE")
    assert engine.look() is State.DRAINING
    assert engine.backend.told == "TRUE"
    engine.failure = UpstreamError("no")
    assert engine.look() is State.DRAINING
    engine.failure, engine.answers["http://gpu:81/spot"] = None, (200, b"FALSE")
    assert engine.look() is State.READY


def test_where_notices_of_one_machine_are():
    backend = Engine().backend
    assert placed("http://{host}:81/{backend}", backend) == "http://gpu:81/gpu:8000"


def test_a_drain_is_told_at_once(caplog):
    engine = Engine()
    engine.look()
    with caplog.at_level(logging.INFO):
        engine.watch.drain({"local@gpu:8000": Drain(1.0, "somebody")})
        engine.watch.drain({"local@gpu:8000": Drain(1.0, "somebody")})
        engine.watch.drain({})
    said = [record.getMessage() for record in caplog.records]
    assert said == ["local@gpu:8000 is draining: drained by somebody", "local@gpu:8000 is ready"]
    assert engine.changes == 3


def test_without_backends_nothing_runs():
    asyncio.run(Watch(Fleet(), None, None, None, {}).run())
