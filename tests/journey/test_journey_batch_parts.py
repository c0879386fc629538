"""The parts of batches, each by itself: what is added up, who settles, and what becomes of what nobody can settle."""

import asyncio
import json
from collections import Counter

import pytest
from charges import entry, flat
from msgspec.structs import replace
from stores.redis_server import RedisServer

from gateway.assembly.home import settles
from gateway.catalog.providers import KNOWN
from gateway.core.caller import Caller, Key, Role
from gateway.core.entry import Outcome
from gateway.core.errors import BadRequest, NotFound, Unavailable, UpstreamError, UpstreamTimeout
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Schedule
from gateway.dialects.spoken import DIALECTS
from gateway.front.batch_routes import Page, Route, route_of
from gateway.journey.batches import desk as desk_module
from gateway.journey.batches import settling as settling_module
from gateway.journey.batches.desk import ANTHROPIC, OPENAI, Desk
from gateway.journey.batches.kept import Batch, File, Kept, owns
from gateway.journey.batches.settling import Settling
from gateway.journey.batches.tally import Tally, Unclear
from gateway.stores.redis_registry import RedisRegistry
from gateway.stores.registry import Kind
from gateway.stores.sqlite_registry import SqliteRegistry

CHAT = DIALECTS["openai-chat"]
PENDING = entry(outcome=Outcome.PENDING, cost=Cost(Money(10**6), CostStatus.UNCERTAIN, "p"))
BATCH = Batch("openai", Caller("k"), 1.0, "{}", "openai-chat", "r.1", "r", "home")


class Book:
    """Every model that is named here has this price."""

    def __init__(self, *models):
        self.models = models

    def price(self, provider, model, at, region=""):
        return Price("p", Schedule(flat(10)), {"batch": Schedule(flat(5))}) if model in self.models else None


def result(name="a", **usage):
    return json.dumps({"custom_id": name, "response": {"body": {"model": "m", "usage": usage}}}).encode()


def tally(*models, booked=PENDING):
    return Tally(booked, CHAT, KNOWN["openai"], Book(*models))


def test_each_result_pays_the_price_of_batches():
    adding = tally("m")
    adding.add([result(prompt_tokens=3, completion_tokens=4), b'{"custom_id":"b","error":{"code":"x"}}', b""])
    adding.add([result("c", prompt_tokens=1, completion_tokens=1)])
    adding.close(2)
    assert (adding.cost.total, adding.cost.status) == (Money(45), CostStatus.EXACT)
    assert (adding.usage.tokens, set(adding.prices)) == (9, {"p"})


A, B = (result(name, prompt_tokens=1, completion_tokens=1) for name in "ab")
EXPIRED, TORN = b'{"custom_id":"c","error":{"code":"batch_expired"}}', b'{"custom_id":"b","respo'


@pytest.mark.parametrize("found", [[A, B, A], [EXPIRED, A, A, B], [b'{"custom_id":"a","error":{"code":"x"}}', A, B]])
def test_a_result_that_is_told_twice_is_paid_once(found):
    adding = tally("m")
    for line in found:
        adding.add([line])
    adding.close(2)
    assert (adding.cost.total, adding.usage.tokens) == (Money(20), 4)


@pytest.mark.parametrize("found", [[A], [A, EXPIRED], [A, A], [A, TORN], [EXPIRED, TORN, A, A]])
def test_a_result_that_is_lost_is_not_nothing_whatever_else_was_told(found):
    """The provider says that it has answered two calls."""
    adding = tally("m")
    adding.add(found)
    with pytest.raises(Unclear):
        adding.close(2)


def test_a_batch_of_which_nothing_was_done_costs_nothing():
    adding = tally("m")
    adding.close(0)
    assert (adding.cost.total, adding.cost.status) == (Money(0), CostStatus.EXACT)


def test_what_results_do_not_tell_is_not_nothing():
    with pytest.raises(Unclear):
        tally("m").add([b'{"custom_id":"a","response":{"body":{"model":"m"}}}'])
    with pytest.raises(Unclear):
        tally("m").add([result(prompt_tokens=0, completion_tokens=0)])
    with pytest.raises(Unclear):
        tally("m").close(1)
    unpriced = tally()
    unpriced.add([result(prompt_tokens=3, completion_tokens=4)])
    with pytest.raises(Unclear):
        unpriced.close(1)
    unknown = tally(booked=replace(PENDING, cost=UNPRICED))
    unknown.add([result(prompt_tokens=3, completion_tokens=4)])
    unknown.close(1)
    assert unknown.cost.total is None


def test_a_figure_of_the_providers_own_is_what_was_charged():
    adding = Tally(PENDING, CHAT, KNOWN["openrouter"], Book("m"))
    adding.add([result(prompt_tokens=3, completion_tokens=4, cost=0.5)])
    assert (adding.cost.total, adding.cost.status) == (Money.usd("0.5"), CostStatus.REPORTED)


@pytest.mark.parametrize(
    ("own", "workers", "replica", "ours"),
    [
        ("home", 1, "home", True),
        ("home", 1, "home.3", True),
        ("home", 1, "other", False),
        ("home.1", 2, "home.1", True),
        ("home.2", 2, "home.1", False),
        ("home.2", 2, "home.2", True),
        ("home.1", 2, "home", True),
        ("home.2", 2, "home", False),
        ("home.1", 2, "home.5", True),
        ("home.2", 2, "home.5", False),
        ("home.1", 2, "other.1", False),
    ],
)
def test_one_process_settles_a_replicas_batches(own, workers, replica, ours):
    assert settles(own, workers, replica) is ours


@pytest.mark.parametrize(
    ("path", "provider", "route"),
    [
        ("/v1/files", None, Route(OPENAI, "files")),
        ("/v1/files/f/content", "openai", Route(OPENAI, "content", "f", "openai")),
        ("/v1/batches/b/cancel", None, Route(OPENAI, "cancel", "b")),
        ("/v1/messages/batches", None, Route(ANTHROPIC, "batches")),
        ("/v1/messages/batches/b/results", "anthropic", Route(ANTHROPIC, "results", "b", "anthropic")),
        ("/v1/files", "anthropic", None),  # Its own files are none that are known here.
        ("/v1/batches", "groq", None),
        ("/v1/files/a/b", None, None),
        ("/v1/chat/completions", None, None),
        ("/v1//batches", None, None),
        ("/V1/batches", None, None),
    ],
)
def test_paths_are_what_they_are(path, provider, route):
    assert route_of(path, KNOWN[provider] if provider else None) == route


@pytest.mark.parametrize(
    ("path", "provider"),
    [("/v1/files/a/b", "openai"), ("/v1/batches/b/odd", "openai"), ("/v1/messages/batches/b/odd", "anthropic")],
)
def test_nothing_passes_around_the_owners_of_files_and_batches(path, provider):
    with pytest.raises(NotFound):
        route_of(path, KNOWN[provider])


def test_pages_go_from_the_newest_on():
    def page(query, size=2):
        return Page.of(ids, query, size=size, size_max=10)

    ids = ["e", "d", "c", "b", "a"]
    assert page("") == Page(["e", "d"], has_more=True)
    assert page("after=d&limit=10") == Page(["c", "b", "a"], has_more=False)
    assert page("after_id=c") == Page(["b", "a"], has_more=False)
    assert page("before_id=b") == Page(["d", "c"], has_more=True)
    assert page("before_id=e") == Page([], has_more=False)
    for wrong in ("limit=0", "limit=11", "limit=x", "limit=-1"):
        with pytest.raises(BadRequest):
            page(wrong)
    with pytest.raises(NotFound):
        page("after=z")
    told = json.loads(page("").document(['{"id":"e"}', '{"id":"d"}'], OPENAI))
    assert told == {
        "object": "list", "data": [{"id": "e"}, {"id": "d"}], "has_more": True, "first_id": "e", "last_id": "d",
    }  # fmt: skip
    assert json.loads(page("before_id=e").document([], ANTHROPIC))["first_id"] is None


def test_whose_is_whose():
    def key(role=Role.CALLER, **who):
        return Key(who["key_id"], b"", Caller(**who), role=role)

    mine = Caller("k", org="o", team="t")
    assert owns(key(key_id="k"), mine)
    assert owns(key(key_id="x", org="o", team="t"), mine)
    assert owns(key(Role.ADMIN, key_id="x"), mine)
    assert not owns(key(key_id="x", org="p", team="t"), mine)
    assert not owns(key(Role.VIEWER, key_id="x"), mine)
    assert not owns(key(key_id="x"), Caller("k")), "no team is not a team"


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_records_are_kept_and_the_last_word_counts(tmp_path, store):
    server = RedisServer(tmp_path / "redis").start() if store == "redis" else None
    kept = Kept(RedisRegistry(server.patient_url) if server else SqliteRegistry(tmp_path / "state.db"))
    file = File("openai", Caller("k"), 1.0, "{}")
    await kept.put("f", file)
    await kept.put("b", BATCH)
    await kept.put("b", replace(BATCH, settled=True))
    assert (await kept.file("f"), await kept.files()) == (file, {"f": file})
    assert (await kept.batch("b")).settled
    assert list(await kept.batches()) == ["b"]
    await kept.drop(Kind.FILES, "f")
    assert await kept.file("f") is None
    if server:
        server.kill()
        with pytest.raises(Unavailable):
            await kept.batch("b")
    kept.close()


async def test_two_who_write_at_once_both_come_to_an_end(tmp_path):
    one, two = (Kept(SqliteRegistry(tmp_path / "state.db")) for _ in range(2))
    await asyncio.gather(*[kept.put("b", replace(BATCH, made=float(n))) for n in range(20) for kept in (one, two)])
    assert (await one.batch("b")).made == 19.0
    one.close()
    two.close()


class Desks(Desk):
    """Says what it is told to, and counts who asks."""

    def __init__(self, *says):
        super().__init__(None, [KNOWN["openai"], KNOWN["anthropic"]])
        self.says, self.asked, self.heard = list(says), Counter(), asyncio.Queue()

    async def status(self, provider, name, headers=None):
        self.asked[name] += 1
        self.heard.put_nowait(name)
        if provider.name == "anthropic":
            await asyncio.Event().wait()
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return said


class Nobody:
    """Books in which the batch is settled already, or does not stand."""

    def __init__(self, now=2.0, *, knows=True):
        self.now, self.knows = now, knows

    def clock(self):
        return self.now

    async def find(self, request_id):
        return [PENDING, replace(PENDING, id="r.1~1", adjusts="r.1")] if self.knows else []


def settling(desk, kept, books=None):
    books = books or Nobody()
    return Settling(books, desk, kept, books, None, ours=lambda _: True)


@pytest.fixture
def kept(tmp_path):
    found = Kept(SqliteRegistry(tmp_path / "state.db"))
    yield found
    found.close()


RUNNING, FAILED = b'{"id":"b","status":"in_progress"}', b'{"id":"b","status":"failed"}'


async def test_what_a_store_did_not_hear_is_told_again(kept):
    looking = settling(Desks(RUNNING), kept)
    looking.add("b", BATCH)
    await looking._look_after("b")
    assert await kept.batch("b") == BATCH
    assert not await looking.settle("b")


async def test_a_batch_that_nobody_knows_any_more_is_given_up_after_weeks(kept, caplog):
    desk = Desks(UpstreamError("gone"))
    looking = settling(desk, kept, Nobody(now=BATCH.made + settling_module.GIVEN_UP_S + 1))
    looking.add("b", BATCH)
    await looking._look_after("b")
    assert (await kept.batch("b")).settled
    assert "given up" in caplog.text
    await looking._look_after("b")
    assert desk.asked.total() == 1


async def test_a_batch_whose_entry_is_not_there_is_not_taken_for_settled(kept, caplog):
    """It may stand in a journal that is not replayed yet."""
    looking = settling(Desks(FAILED), kept, Nobody(knows=False))
    looking.add("b", BATCH)
    with pytest.raises(Unavailable):
        await looking.settle("b")
    await looking._look_after("b")
    assert "cannot be settled yet" in caplog.text
    assert not (await kept.batch("b")).settled
    assert not await looking.settle("unheard of")


class Away:
    """A store that does not answer at first."""

    def __init__(self, kept):
        self.kept, self.asked = kept, 0

    async def batches(self):
        self.asked += 1
        if self.asked == 1:
            raise Unavailable("not yet")
        return await self.kept.batches()

    def __getattr__(self, name):
        return getattr(self.kept, name)


async def test_it_goes_on_while_a_provider_does_not_answer_and_wakes_when_told(kept, caplog):
    """What is open is looked at again as soon as somebody has seen it end."""
    await kept.put("b", BATCH)
    await kept.put("done", replace(BATCH, settled=True))
    desk = Desks(Unavailable("away"), RUNNING, FAILED)
    looking = settling(desk, kept)
    running = asyncio.create_task(looking.run())
    async with asyncio.timeout(20):
        for _ in range(3):
            assert await desk.heard.get() == "b"
            looking.soon("b")
            looking.soon("unheard of")
        assert await looking.settle("b"), "once it is done"
    assert (await kept.batch("b")).settled
    running.cancel()
    await asyncio.wait([running])
    assert "cannot be settled yet" in caplog.text
    assert desk.asked["done"] == 0


async def test_what_is_open_is_found_once_the_store_answers(kept, caplog, monkeypatch):
    monkeypatch.setattr(settling_module, "POLL_S", 0.01)
    await kept.put("b", BATCH)
    desk = Desks(RUNNING)
    running = asyncio.create_task(settling(desk, Away(kept)).run())
    async with asyncio.timeout(20):
        assert await desk.heard.get() == await desk.heard.get() == "b"
    running.cancel()
    await asyncio.wait([running])
    assert "not looked after now" in caplog.text


async def test_a_provider_that_hangs_keeps_the_batches_of_no_other_waiting(kept):
    """Anthropic never says how its own stand."""
    for name in ("hung", "hung too"):
        await kept.put(name, replace(BATCH, provider="anthropic", dialect="anthropic-messages"))
    await kept.put("b", BATCH)
    desk = Desks(RUNNING, FAILED)
    looking = settling(desk, kept)
    running = asyncio.create_task(looking.run())
    async with asyncio.timeout(20):
        assert {await desk.heard.get(), await desk.heard.get()} == {"hung", "b"}
        looking.soon("hung too")
        looking.soon("b")
        assert await desk.heard.get() == "b"
        await looking.settle("b")
    assert (await kept.batch("b")).settled
    assert desk.asked["hung too"] == 0, "those of one provider are asked about one after the other"
    running.cancel()
    await asyncio.wait([running])


async def test_what_was_seen_to_end_while_its_provider_was_asked_is_looked_at_next(kept):
    await kept.put("b", BATCH)
    desk = Desks(RUNNING, FAILED)
    looking, said = settling(desk, kept), asyncio.Event()

    async def slow(provider, name, headers=None, *, known=desk.status):
        status = await known(provider, name)
        await said.wait()
        return status

    desk.status = slow
    running = asyncio.create_task(looking.run())
    async with asyncio.timeout(20):
        assert await desk.heard.get() == "b"
        looking.soon("b")
        await asyncio.sleep(0)  # It is heard of, and there is nobody to look at it yet.
        said.set()
        assert await desk.heard.get() == "b"
        await looking.settle("b")
    running.cancel()
    await asyncio.wait([running])


async def test_a_provider_has_little_time_to_say_how_a_batch_stands(monkeypatch):
    """It may accept connections, and say nothing."""
    monkeypatch.setattr(desk_module, "STATUS_S_MAX", 0.01)

    class Silent:
        async def send(self, *_, **__):
            await asyncio.Event().wait()

    with pytest.raises(UpstreamTimeout):
        await Desk(Silent(), [KNOWN["openai"]]).status(KNOWN["openai"], "b")


def test_who_takes_batches():
    desk = Desk(None, [KNOWN["groq"], KNOWN["openai"], KNOWN["anthropic"]])
    assert desk.provider(OPENAI).name == "openai"
    assert desk.provider(ANTHROPIC, "anthropic").name == "anthropic"
    for style, name in ((OPENAI, "groq"), (OPENAI, "anthropic"), (ANTHROPIC, "openai")):
        with pytest.raises(NotFound):
            desk.provider(style, name)
