"""Calls over several engines of one's own, real processes all: which of them get calls, and what becomes of those in
flight where one is taken out of service."""

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import harness
import pytest
from openai import APIStatusError, NotFoundError, OpenAIError
from road import Road, assert_in_order, eventually, said

MODEL = "local/sim-small"
SLOW = ("--first-token-ms", "300", "--tokens-per-second", "400")


class Fleet:
    """Two engines, one of them called by another name of the same host, and a gateway before them."""

    def __init__(self, folder, config, options=()):
        self.engines = [harness.simulator(folder / name, *options) for name in ("a", "b")]
        ports = [urlsplit(engine.url).port for engine in self.engines]
        self.hosts = [f"127.0.0.1:{ports[0]}", f"localhost:{ports[1]}"]
        self.ids = [f"local@{host}" for host in self.hosts]
        text = config.replace("URLS", f"[http://{self.hosts[0]}/v1, http://{self.hosts[1]}/v1]")
        gate = harness.gateway(folder / "gate", text)
        self.road = Road(self.engines[0], gate, *gate.tokens)

    def call(self, model=MODEL, **options):
        """The backend that has answered it."""
        with self.road.client() as client:
            answer = client.chat.completions.with_raw_response.create(model=model, messages=said("Hello!"), **options)
        told = self.road.document(answer.headers["x-fareway-request-id"])["entries"][-1]
        assert told["backend"] == answer.headers["x-fareway-backend"]
        return told["backend"]

    def admin(self, method, path):
        """What the admin API says."""
        (url,) = [line.split()[-1] for line in self.road.gate.stderr.splitlines() if "admin API" in line]
        headers = {"Authorization": f"Bearer {self.road.admin}"}
        with urllib.request.urlopen(urllib.request.Request(url + path, method=method, headers=headers)) as answer:
            return json.load(answer)

    def states(self):
        """Of both, in order."""
        return [backend["state"] for backend in self.admin("GET", "/fleet")["data"]]

    def until(self, *states):
        """Wait until they are so."""
        eventually(lambda: self.states() == list(states))


@contextmanager
def fleet(folder, config="providers: {local: {kind: sim, base_urls: URLS}}", options=()):
    made = Fleet(folder, config, options)
    try:
        yield made
        assert made.road.gate.stop() == 0
        assert_in_order(made.road.gate.stderr)
    finally:
        for process in (made.road.gate, *made.engines):
            process.stop()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with fleet(tmp_path_factory.mktemp("two")) as made:
        yield made


def test_what_engines_serve_may_be_called(two):
    """Though the configuration names none of their models."""
    with two.road.client() as client:
        listed = {model.id for model in client.models.list()}
    assert {"sim-small", MODEL} <= listed
    assert two.call() in two.hosts
    assert two.call("sim-small") in two.hosts


def test_what_no_engine_serves_is_unknown(two):
    with pytest.raises(NotFoundError, match="No backend serves local/llama-70b"):
        two.call("local/llama-70b")


def test_what_is_told_of_them(two):
    data = two.admin("GET", "/fleet")["data"]
    assert [backend["id"] for backend in data] == two.ids
    assert [backend["state"] for backend in data] == ["ready", "ready"]
    assert all("sim-small" in backend["models"] for backend in data)
    assert two.road.metric("fareway_fleet_backend_state", backend=two.ids[0], state="ready") == 1
    told = json.loads(two.road.command("fleet", "list", "--format", "json"))
    assert [(row["backend"], row["state"]) for row in told] == [(name, "ready") for name in two.ids]


def test_one_that_is_drained_gets_no_call_until_it_is_resumed(two):
    assert two.admin("POST", f"/fleet/{two.ids[0]}/drain")["state"] == "draining"
    assert {two.call() for _ in range(3)} == {two.hosts[1]}
    assert "draining" in two.road.command("fleet", "list")
    two.road.command("fleet", "drain", two.ids[1])
    two.until("draining", "draining")
    with pytest.raises(APIStatusError, match="takes calls now") as refused:
        two.call()
    assert refused.value.status_code == 503
    two.road.command("fleet", "resume", two.ids[0])
    two.until("ready", "draining")
    assert two.call() == two.hosts[0]
    assert two.admin("POST", f"/fleet/{two.ids[1]}/resume")["state"] == "ready"
    actions = [line["action"] for line in two.admin("GET", "/audit?limit=4")["data"]]
    assert actions == ["drains.resume", "drains.resume", "drains.drain", "drains.drain"]


def test_a_backend_that_is_not_there(two):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        two.admin("POST", "/fleet/local@nowhere/drain")
    assert "there is no backend" in two.road.command("fleet", "drain", "nowhere", status=3)


def test_paths_below_the_providers_name_go_to_one_that_is_up(two):
    two.admin("POST", f"/fleet/{two.ids[0]}/drain")
    try:
        assert harness.get(f"{two.road.url}/local/v1/models", two.road.first)["object"] == "list"
    finally:
        two.admin("POST", f"/fleet/{two.ids[0]}/resume")


def test_one_that_is_down_and_comes_back(tmp_path):
    with fleet(tmp_path) as made:
        first, second = made.engines
        first.kill()
        made.until("down", "ready")
        assert made.call() == made.hosts[1]
        second.kill()
        made.until("down", "down")
        with pytest.raises(APIStatusError, match="takes calls now"):
            made.call()
        first = harness.simulator(tmp_path / "again", "--port", str(urlsplit(first.url).port))
        try:
            made.until("ready", "down")
            assert made.call() == made.hosts[0]
        finally:
            first.stop()


def test_all_workers_hear_that_one_is_drained(tmp_path):
    config = "server: {workers: 2}\nproviders: {local: {kind: sim, base_urls: URLS}}"
    with fleet(tmp_path, config) as made:
        made.road.command("fleet", "drain", made.ids[0])

        def everywhere():
            told = made.road.gate.stderr
            return told.count(f"{made.ids[0]} is draining") == 2

        eventually(everywhere)
        assert {made.call() for _ in range(6)} == {made.hosts[1]}
        assert made.road.metric("fareway_fleet_backend_state", backend=made.ids[0], state="draining") == 1


# What becomes of calls in flight.


class Callers:
    """So many at once, each with one call after the other, streamed and not."""

    def __init__(self, road, count):
        self._road, self._count = road, count
        self.done = [0] * count
        self.errors = []
        self._over = asyncio.Event()
        self._ended = asyncio.Condition()

    async def run(self, meanwhile):
        """Call until the work beside it is done."""
        async with self._road.aclient() as client:
            calling = [asyncio.create_task(self._call(client, number)) for number in range(self._count)]
            try:
                await meanwhile
            finally:
                self._over.set()
                await asyncio.gather(*calling)

    async def _call(self, client, number):
        while not self._over.is_set():
            asked = {"model": MODEL, "messages": said(f"Hello from {number}!"), "max_tokens": 50}
            try:
                if number % 2:
                    await client.chat.completions.create(**asked)
                else:
                    async for _ in await client.chat.completions.create(**asked, stream=True):
                        pass
            except OpenAIError as error:
                self.errors.append(error)
            async with self._ended:
                self.done[number] += 1
                self._ended.notify_all()

    async def go_on(self, calls):
        """Until everybody has made so many more."""
        before = list(self.done)
        async with self._ended:
            await self._ended.wait_for(lambda: all(n >= b + calls for n, b in zip(self.done, before, strict=True)))


class Cloud:
    """A metadata service that takes back the machines whose hosts are named."""

    def __init__(self):
        self.taken = set()
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                there = self.headers["Host"].partition(":")[0] in taken
                body = b'{"action": "terminate", "time": "2026-12-01T08:22:00Z"}' if there else b""
                self.send_response(200 if there else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def cloud():
    made = Cloud()
    yield made
    made.server.shutdown()
    made.server.server_close()


def in_flight(made):
    """Calls that are still at the first engine."""
    return made.road.metric("fareway_backend_inflight_requests", backend=made.ids[0])


def test_a_machine_that_is_taken_back_loses_no_call(tmp_path, cloud):
    """Under load: a notice, a drain, and the engine stops once its calls have ended."""
    notice = f"http://{{host}}:{cloud.port}/latest/meta-data/spot/instance-action"
    gpu = f'{{type: l4, tier: spot, price: 0.24/h, notice: "{notice}", prefill: 1000000/s, decode: 100000/s}}'
    config = f"providers: {{local: {{kind: sim, base_urls: URLS, gpu: {gpu}}}}}"
    with fleet(tmp_path, config, SLOW) as made:
        callers = Callers(made.road, 8)

        async def interruption():
            await callers.go_on(2)
            await asyncio.to_thread(eventually, lambda: in_flight(made) > 0)
            cloud.taken.add("127.0.0.1")
            await asyncio.to_thread(made.until, "draining", "ready")
            await asyncio.to_thread(eventually, lambda: in_flight(made) == 0)
            made.engines[0].kill()
            await asyncio.to_thread(made.until, "down", "ready")
            await callers.go_on(1)

        asyncio.run(callers.run(interruption()))
        assert callers.errors == []
        lines = made.road.entries()
        assert {line["outcome"] for line in lines if line["outcome"] != "idle"} == {"ok"}
        assert {line["entry"].get("backend") for line in lines} >= set(made.hosts)
        assert "spot" in json.dumps(made.admin("GET", "/fleet")["data"][0]["machine"])


def test_what_breaks_before_its_answer_begins_is_asked_elsewhere(tmp_path):
    """An engine that dies without notice: nobody sees it but the books."""
    options = ("--first-token-ms", "2000")
    with fleet(tmp_path, options=options) as made:

        async def call(client, number):
            asked = {"model": MODEL, "messages": said(f"Hello from {number}!")}
            if number % 2:
                return (await client.chat.completions.create(**asked)).choices[0].message.content
            text = ""
            async for chunk in await client.chat.completions.create(**asked, stream=True):
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            return text

        async def calls():
            async with made.road.aclient() as client:
                calling = [asyncio.create_task(call(client, number)) for number in range(6)]
                in_flight = lambda: made.road.metric("fareway_inflight_requests") == 6  # noqa: E731 - said once
                await asyncio.to_thread(eventually, in_flight)
                made.engines[0].kill()
                return await asyncio.gather(*calling)

        answers = asyncio.run(calls())
        assert len(answers) == 6
        assert all(answers)
        lines = [line["entry"] for line in made.road.entries()]
        assert [line["backend"] for line in lines if line["outcome"] == "failed"] == [made.hosts[0]] * 6
        assert [line["backend"] for line in lines if line["outcome"] == "ok"] == [made.hosts[1]] * 6
