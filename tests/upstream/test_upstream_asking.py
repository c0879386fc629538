"""Walking the plan with a wire that fails as told: who is asked, in which order, and what each failure costs.

The books are real: limits on a store in memory, a journal in a folder. The wire is not.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore

from gateway.catalog.providers import Deployment, Provider
from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.errors import BadRequest, LimitReached, Unavailable, UpstreamError
from gateway.core.limit import Fare, HoldMode, Limit, Span, Unit
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus
from gateway.core.request import Asked, Request
from gateway.core.route import Candidate
from gateway.core.usage import Report, Usage
from gateway.dialects.openai_chat import OpenAIChat
from gateway.journey import asking as module
from gateway.journey.asking import Asking, Question
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.carriage import Carrier
from gateway.journey.draft import Trip
from gateway.journey.option import Chosen
from gateway.journey.refused import ProviderRefused
from gateway.journey.setting_aside import hold_for_first
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.tokens.size import Size
from gateway.upstream.errors import Lost, LostWaiting, Unreached
from gateway.upstream.health import Health
from gateway.upstream.retry import RetryBudget

NOW = 1_800_000_000.0
BODY = b'{"model":"asked","messages":[{"role":"user","content":"Hi"}]}'
ACCOUNT = "all/usd/lifetime@always"


class Answer:
    """What a fake provider says."""

    def __init__(self, status, headers=None, body=b'{"error":"theirs"}'):
        self.status, self.headers, self.body, self.closed = status, headers or {}, body, False

    async def read(self):
        if self.body == "hang":
            await asyncio.Event().wait()
        if isinstance(self.body, Exception):
            raise self.body
        return self.body

    def close(self):
        self.closed = True

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()


class Wire:
    """Fails or answers by provider, in turn; the last word of each for ever."""

    def __init__(self, **says):
        self.says = {name: list(turns) for name, turns in says.items()}
        self.asked = []
        self.sent = []
        self.given = []

    async def post(self, url, headers, body, *, streams, leaving):
        name = url.removeprefix("http://").partition("/")[0]
        self.asked.append(name)
        self.sent.append((url, headers, body, streams))
        turns = self.says[name]
        word = turns.pop(0) if len(turns) > 1 else turns[0]
        if word == "connecting":
            await asyncio.Event().wait()
        leaving()
        if word == "hang":
            await asyncio.Event().wait()
        if isinstance(word, Exception):
            raise word
        answer = Answer(*word) if isinstance(word, tuple) else Answer(word)
        self.given.append(answer)
        return answer


def option(name, nanos=1000):
    """A deployment that holds so much."""
    provider = Provider(name=name, base_url=f"http://{name}", key=f"key-{name}", headers={"X-Of": name})
    deployment = Deployment(provider, f"model-{name}")
    candidate = Candidate(
        deployment.name, name, deployment.model, "standard", selfhosted=False, cost_likely=None, cost_worst=None
    )
    fare, worst = Fare(nanos=nanos, output_tokens=50), Cost(Money.of_nanos(nanos), CostStatus.UNCERTAIN, "price")
    return SimpleNamespace(
        deployment=deployment, candidate=candidate, output_max=10, output_guess=10, price=None, carried=None,
        expected=None, occupancy=lambda *, stream: None,
        worst=lambda request, **_: (fare, worst),
    )  # fmt: skip


class Road:
    """Everything around one call."""

    def __init__(self, folder, wire, *, rounds=0, budget=1.0, limit=10**9, failures_max=100):
        self.wire = wire
        self.naps = []
        self.journal = Journal(folder / "journal", SYNC_NEVER)
        self.entries = []
        self.leases = Leases(MemoryStore(), "replica", self._balances)
        limits = [Limit("all", Unit.USD, limit, Span.LIFETIME), Limit("all", Unit.CONCURRENT, 5, Span.RUNNING)]
        self.books = Books(Limits(limits, self.leases, lambda: NOW), self.journal, lambda: NOW, self.entries.append)
        self.health = Health(failures_max=failures_max, open_s=10.0)
        self.asking = Asking(
            wire, self.health, RetryBudget(budget, burst=2), rounds=rounds, clock=lambda: NOW, signers={}
        )

    async def _balances(self, accounts):
        return {}

    async def call(self, *plan, leave=None, gone_after=None):
        """Ask; where there is an answer, settle it at 10 nano-dollars. Returns who answered. The caller has left once
        so many answers were given."""

        def expect_caller():
            if len(self.wire.given) == gone_after:
                raise ConnectionResetError("the caller has left")

        dialect, asked = OpenAIChat(), Asked(BODY)
        request = Request("req", "key", dialect.name, dialect.read(asked), input_tokens=5)
        headers, carrier = {"x-caller": "1", "x-of": "a caller"}, Carrier(asked, lossy=False)
        question = Question(request, dialect, asked, headers, HoldMode.PROGRESSIVE, Size(100), carrier)
        options = [option(name) if isinstance(name, str) else name for name in plan]
        chosen = Chosen(tuple(options), "because")
        with Booking(self.books, Trip("req", Caller("key"), "asked", stream=False)) as self.booking:
            self.booking.expect_caller = expect_caller
            chosen = await hold_for_first(self.booking, question, chosen, patient=True)
            with await self.asking.ask(question, chosen, self.booking) as turn:
                found, answer = turn.option, turn.answer
                assert self.health.of(found.candidate.name).in_flight == 1
                assert answer.status < 300
                assert self.booking.entry is None, "this attempt is not settled, whatever came of those before"
                if leave:
                    raise leave
                cost = Cost(Money.of_nanos(10), CostStatus.EXACT)
                self.booking.settle(
                    Outcome.OK, 200, usage=Usage(input=1), cost=cost, report=Report(), first_token_ms=None
                )
        return found.candidate.provider

    def assert_in_order(self, *costs):
        """These outcomes at these nano-dollars are booked, and nothing is held, open or busy any more."""
        assert [(e.outcome, dict(e.charges).get(ACCOUNT, 0)) for e in self.entries] == list(costs)
        assert self.journal.open_count == 0
        accounts = {a.id: a for a in self.leases.accounts}
        assert all(a.held == 0 for a in accounts.values())
        assert accounts[ACCOUNT].spent == sum(cost for _, cost in costs)
        assert all(v.in_flight == 0 and not v.probing for v in self.health._vitals.values())
        assert all(answer.closed for answer in self.wire.given)
        found = self.journal
        assert [e.id for e in found.settled] == [e.id for e in self.entries]


@pytest.fixture
def build(tmp_path, monkeypatch):
    roads = []

    def make(rounds=0, budget=1.0, limit=10**9, failures_max=100, **says):
        road = Road(
            tmp_path / f"{len(roads)}",
            Wire(**says),
            rounds=rounds,
            budget=budget,
            limit=limit,
            failures_max=failures_max,
        )
        roads.append(road)
        real = asyncio.sleep

        async def nap(seconds):
            road.naps.append(seconds)
            await real(0)

        monkeypatch.setattr(module.asyncio, "sleep", nap)
        return road

    yield make
    for road in roads:
        road.journal.close()


OK, FAILED = Outcome.OK, Outcome.FAILED


async def test_the_first_choice_is_asked_and_nobody_else(build):
    road = build(a=[200], b=[200])
    assert await road.call("a", "b") == "a"
    assert road.wire.asked == ["a"]
    road.assert_in_order((OK, 10))


async def test_each_is_asked_in_its_own_words_with_its_own_key(build):
    road = build(a=[500], b=[200])
    await road.call("a", "b")
    for (url, headers, body, streams), name in zip(road.wire.sent, "ab", strict=True):
        assert url == f"http://{name}/chat/completions"
        assert headers["authorization"] == f"Bearer key-{name}"
        assert headers["x-of"] == name, "what the operator sends, a caller does not send beside it"
        assert all(header == header.lower() for header in headers)
        assert headers["x-caller"] == "1"
        assert headers["x-fareway-request-id"] == "req"
        assert f'"model-{name}"'.encode() in body
        assert not streams


@pytest.mark.parametrize("status", [401, 402, 408, 409, 425, 429, 500, 502, 503, 504, 529])
async def test_a_status_that_says_next_costs_nothing_and_the_next_is_asked(build, status):
    road = build(a=[status], b=[status], c=[200])
    assert await road.call("a", "b", "c") == "c"
    assert road.wire.asked == ["a", "b", "c"]
    assert road.entries[0].attempts == (f"a/model-a: status {status}", f"b/model-b: status {status}")
    road.assert_in_order((OK, 10))


@pytest.mark.parametrize("status", [400, 403, 404, 413, 415, 422, 451])
async def test_a_status_about_the_request_itself_is_told_at_once(build, status):
    road = build(a=[status], b=[200], rounds=3)
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a", "b")
    assert (raised.value.status, raised.value.body) == (status, b'{"error":"theirs"}')
    assert road.wire.asked == ["a"]
    road.assert_in_order()


async def test_not_reached_costs_nothing(build):
    road = build(a=[Unreached("no")], b=[200])
    assert await road.call("a", "b") == "b"
    assert len(road.entries[0].attempts) == 1
    road.assert_in_order((OK, 10))


@pytest.mark.parametrize(("error", "status"), [(Lost("gone"), 502), (LostWaiting("late"), 504)])
async def test_a_lost_attempt_is_booked_at_all_that_it_held_and_the_next_is_asked(build, error, status):
    """Nobody knows what the provider did with it. The next attempt has a hold of its own."""
    road = build(a=[error], b=[200])
    assert await road.call("a", "b") == "b"
    road.assert_in_order((FAILED, 1000), (OK, 10))
    assert road.entries[0].status == status
    assert [e.id for e in road.entries] == ["req.1", "req.2"]
    assert road.entries[0].provider == "a"


async def test_a_hold_that_was_grown_by_a_dearer_attempt_is_not_charged_to_a_cheaper_one(build):
    road = build(a=[500], b=[Lost("gone")], c=[200])
    await road.call(option("a", 5000), option("b", 2000), option("c", 1000))
    road.assert_in_order((FAILED, 2000), (OK, 10))


async def test_all_lost_is_told_and_all_is_booked(build):
    road = build(a=[Lost("gone")])
    with pytest.raises(Lost):
        await road.call("a")
    road.assert_in_order((FAILED, 1000))


async def test_a_call_that_is_lost_is_not_repeated_without_end(build):
    """Each time may have been charged in full."""
    road = build(rounds=5, **{name: [Lost("gone")] for name in "abcde"})
    with pytest.raises(Lost):
        await road.call(*"abcde")
    assert len(road.wire.asked) <= module.LOST_MAX
    road.assert_in_order(*[(FAILED, 1000)] * len(road.wire.asked))


async def test_a_bug_after_the_call_may_have_left_is_booked_in_full(build):
    road = build(a=[ValueError("a bug")])
    with pytest.raises(ValueError, match="a bug"):
        await road.call("a")
    road.assert_in_order((FAILED, 1000))


async def test_a_caller_that_leaves_while_waiting_is_booked_in_full(build):
    road = build(a=["hang"])
    task = asyncio.create_task(road.call("a"))
    while not road.wire.asked:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    road.assert_in_order((Outcome.HUNG_UP, 1000))
    assert road.entries[0].status == 499


@pytest.mark.parametrize("answers", [0, 1])
async def test_nothing_is_sent_for_a_caller_that_has_left(build, answers):
    """Whether it left while a connection was made or while another deployment failed: nobody has charged for it."""
    road = build(rounds=1, a=[500], b=[200])
    with pytest.raises(ConnectionResetError):
        await road.call("a", "b", gone_after=answers)
    assert len(road.wire.given) == answers
    assert road.naps == []
    road.assert_in_order()


async def test_nobody_waits_for_another_round_for_a_caller_that_has_left(build):
    road = build(rounds=1, a=[500], b=[503])
    with pytest.raises(ConnectionResetError):
        await road.call("a", "b", gone_after=2)
    assert road.naps == []
    road.assert_in_order()


@pytest.mark.parametrize("leave", [ValueError("a bug"), Lost("broke off"), asyncio.CancelledError()])
async def test_whatever_happens_to_the_answer_it_is_closed_and_booked(build, leave):
    road = build(a=[200])
    with pytest.raises(type(leave)):
        await road.call("a", leave=leave)
    outcome = Outcome.HUNG_UP if isinstance(leave, asyncio.CancelledError) else FAILED
    road.assert_in_order((outcome, 1000))


async def test_an_error_whose_body_breaks_off_is_still_that_error(build):
    road = build(a=[(503, {}, Lost("cut"))])
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a")
    assert raised.value.status == 503
    assert raised.value.reworded, "half an error is nothing that a client can read"
    road.assert_in_order()


@pytest.mark.parametrize(
    ("wait", "told"),
    [("7", 7), ("6.5", 7), ("9" * 5000, None), ("soon", None), (formatdate(NOW + 100, usegmt=True), 100)],
)
async def test_a_wait_is_told_in_whole_seconds_however_it_was_worded(build, wait, told):
    road = build(a=[(429, {"retry-after": wait}, Lost("cut"))])
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a")
    assert raised.value.retry_after_s == told


@pytest.mark.parametrize("status", [301, 302, 307, 399, 304])
async def test_a_redirect_is_no_answer(build, status):
    road = build(a=[status], b=[200])
    assert await road.call("a", "b") == "b"
    road.assert_in_order((OK, 10))


async def test_the_providers_last_word_is_told(build):
    road = build(a=[(500, {}, b"first")], b=[(429, {"retry-after": "60"}, b"second")])
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a", "b")
    assert (raised.value.status, raised.value.body) == (429, b"second")
    road.assert_in_order()


@pytest.mark.parametrize("status", [401, 402])
async def test_our_own_key_is_nobodys_business(build, status):
    road = build(a=[(status, {}, b"your key sk-1 is wrong")])
    with pytest.raises(UpstreamError) as raised:
        await road.call("a")
    assert not isinstance(raised.value, ProviderRefused)
    assert "sk-1" not in str(raised.value)
    road.assert_in_order()


async def test_rounds_go_through_the_whole_plan_again_after_a_growing_wait(build):
    road = build(rounds=2, a=[500, 500, 500], b=[503, 503, 200])
    assert await road.call("a", "b") == "b"
    assert road.wire.asked == list("ababab")
    assert road.naps == [0.5, 1.0]
    road.assert_in_order((OK, 10))


async def test_a_providers_wish_to_wait_is_respected_or_left_to_the_caller(build):
    road = build(rounds=1, a=[(429, {"retry-after": "3"}), 200])
    assert await road.call("a") == "a"
    assert road.naps == [3.0]
    road = build(rounds=1, a=[(429, {"retry-after": "60"}), 200])
    with pytest.raises(ProviderRefused):
        await road.call("a")
    assert road.naps == []
    road.assert_in_order()


async def test_rounds_end(build):
    road = build(rounds=2, a=[500])
    with pytest.raises(ProviderRefused):
        await road.call("a")
    assert road.wire.asked == ["a"] * 3
    road.assert_in_order()


async def test_repeats_beyond_the_budget_are_not_made(build):
    """Two at first (the burst), and then one for ten calls."""
    road = build(rounds=1, budget=0.1, a=[500])
    for _ in range(20):
        with pytest.raises(ProviderRefused):
            await road.call("a")
    assert len(road.wire.asked) <= 20 + 2 + 2
    assert len(road.naps) == len(road.wire.asked) - 20
    road.assert_in_order()


async def test_a_fallback_that_the_budget_cannot_pay_is_not_asked(build):
    """And what the provider had said tells the caller more than the refusal."""
    road = build(a=[500], b=[200], limit=1500)
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a", option("b", 2000))
    assert raised.value.status == 500
    assert road.wire.asked == ["a"]
    road.assert_in_order()


async def test_after_a_loss_the_budget_must_pay_for_a_second_attempt(build):
    road = build(a=[Lost("gone")], b=[200], limit=1500)
    with pytest.raises(Lost):
        await road.call("a", "b")
    assert road.wire.asked == ["a"]
    road.assert_in_order((FAILED, 1000))


async def test_a_budget_that_cannot_pay_for_the_first_is_refused_and_nobody_asked(build):
    road = build(a=[200], limit=999)
    with pytest.raises(LimitReached):
        await road.call("a")
    assert road.wire.asked == []
    road.assert_in_order()


DEAR = option("dear", 200_000 * 10**9)
"""A deployment where this call could cost more than any may."""


async def test_a_fallback_where_the_call_could_cost_too_much_is_passed_over(build):
    """What the provider had said is told: the request itself is right."""
    road = build(a=[500], dear=[200], b=[200], limit=10**18)
    assert await road.call("a", DEAR, "b") == "b"
    assert road.wire.asked == ["a", "b"]
    with pytest.raises(ProviderRefused) as raised:
        await road.call("a", DEAR)
    assert raised.value.status == 500
    road.assert_in_order((OK, 10))


async def test_a_first_choice_where_the_call_could_cost_too_much_is_passed_over(build):
    road = build(dear=[200], a=[503], b=[200], limit=10**18)
    assert await road.call(DEAR, "a", "b") == "b"
    assert road.wire.asked == ["a", "b"]
    assert road.entries[0].attempts == ("a/model-a: status 503",)
    road.assert_in_order((OK, 10))


async def test_a_call_that_could_cost_too_much_everywhere_is_refused_once(build):
    road = build(rounds=2, dear=[200], limit=10**18)
    with pytest.raises(BadRequest, match="more than any call may"):
        await road.call(DEAR, DEAR)
    assert (road.wire.asked, road.naps, road.entries) == ([], [], [])


@pytest.fixture
def not_for_a(monkeypatch):
    """A call that cannot be said to the provider `a`."""
    said = Question.said_to

    def says(question, option):
        if option.candidate.provider == "a":
            raise BadRequest("The output of this call cannot be capped.")
        return said(question, option)

    monkeypatch.setattr(Question, "said_to", says)


@pytest.mark.usefixtures("not_for_a")
async def test_a_call_that_cannot_be_said_to_one_is_said_to_the_next(build):
    road = build(a=[200], b=[200])
    assert await road.call("a", "b") == "b"
    assert road.entries[0].attempts == ("a/model-a: not sent",)
    road.assert_in_order((OK, 10))


@pytest.mark.usefixtures("not_for_a")
async def test_that_a_call_cannot_be_said_is_told_where_no_provider_has_said_anything(build):
    """And not tried again: the call stays as it is."""
    road = build(rounds=2, a=[200], b=[503])
    with pytest.raises(BadRequest, match="capped"):
        await road.call("a")
    assert road.naps == []
    for plan in ("ab", "ba"):
        with pytest.raises(ProviderRefused):
            await road.call(*plan)
    road.assert_in_order()


async def test_a_journal_that_cannot_be_written_lets_no_call_leave(build, monkeypatch):
    road = build(a=[200])

    async def refuse(entry):
        raise Unavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(road.journal, "open", refuse)
        with pytest.raises(Unavailable):
            await road.call("a")
    assert road.wire.asked == []
    road.assert_in_order()


async def test_a_journal_that_fills_up_between_attempts_lets_no_second_leave(build, monkeypatch):
    road = build(a=[500], b=[200])
    real, opened = road.journal.open, []

    async def once(entry):
        if opened:
            raise Unavailable("full")
        opened.append(entry)
        await real(entry)

    monkeypatch.setattr(road.journal, "open", once)
    with pytest.raises(ProviderRefused):
        await road.call("a", "b")
    assert road.wire.asked == ["a"]
    road.assert_in_order()


async def test_a_deployment_that_is_left_alone_is_passed_over(build):
    road = build(a=[500], b=[500], c=[200], failures_max=2)
    for _ in range(2):
        await road.call("a", "b", "c")
    road.wire.asked.clear()
    assert await road.call("c", "a", "b") == "c"
    assert road.health.states()["b/model-b"] == 1
    road.wire.asked.clear()
    road.wire.says["c"] = [500]
    with pytest.raises(ProviderRefused):
        await road.call("c", "a", "b")
    assert road.wire.asked == ["c"], "the other two have failed too often"
    road.assert_in_order(*[(OK, 10)] * 3)


@pytest.mark.parametrize(
    ("word", "unwell"),
    [
        (500, True),
        (503, True),
        (401, True),
        (Unreached("no"), True),
        (Lost("gone"), True),
        (LostWaiting("late"), True),
        (400, False),
        (404, False),
        (422, False),
    ],
)
async def test_what_counts_against_a_deployment(build, word, unwell):
    """What is wrong with the request says nothing about who was asked."""
    road = build(a=[word])
    with pytest.raises(UpstreamError):
        await road.call("a")
    assert bool(road.health.of("a/model-a").failures) == unwell


async def test_what_the_journal_says_after_a_crash_at_any_attempt(build, tmp_path):
    """While the second attempt is under way only that one is open, at its own hold."""
    road = build(a=[Lost("gone")], b=["hang"])
    task = asyncio.create_task(road.call("a", option("b", 700)))
    while road.wire.asked != ["a", "b"]:
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    (path,) = (tmp_path / "0" / "journal").glob("*.journal")
    from gateway.ledger.records import look_over

    found = look_over([path])
    assert [(e.id, dict(e.charges)[ACCOUNT]) for e in found.settled] == [("req.1", 1000)]
    assert [(e.id, dict(e.charges)[ACCOUNT]) for e in found.unresolved] == [("req.2", 700)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    road.assert_in_order((FAILED, 1000), (Outcome.HUNG_UP, 700))


async def given_up(road):
    """A caller that leaves once everything waits for the provider."""
    task = asyncio.create_task(road.call("a"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert road.wire.asked
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_given_up_before_there_is_a_connection_costs_nothing(build):
    road = build(a=["connecting"])
    await given_up(road)
    road.assert_in_order()


async def test_a_call_given_up_after_it_left_is_booked_at_all_that_it_held(build):
    road = build(a=["hang"])
    await given_up(road)
    road.assert_in_order((Outcome.HUNG_UP, 1000))


async def test_a_call_given_up_while_a_refusal_is_read_costs_nothing(build):
    road = build(a=[(500, {}, "hang")])
    await given_up(road)
    road.assert_in_order()


@pytest.mark.parametrize("error", [Unavailable("no signature"), UpstreamError("neither lost nor unreached")])
async def test_whatever_is_gone_on_after_the_next_attempt_has_a_draft_of_its_own(build, monkeypatch, error):
    """Before anything left it is void, after it booked in full."""
    aim = OpenAIChat.aim

    def fails(dialect, asked, model, facts):
        if model == "model-a":
            raise error
        return aim(dialect, asked, model, facts)

    with monkeypatch.context() as patch:
        patch.setattr(OpenAIChat, "aim", fails)
        road = build(a=[200], b=[200])
        assert await road.call("a", "b") == "b"
    assert [(e.id, e.provider) for e in road.entries] == [("req.2", "b")]
    road.assert_in_order((OK, 10))
    road = build(a=[error], b=[200])
    assert await road.call("a", "b") == "b"
    assert [(e.id, e.provider, e.status) for e in road.entries] == [("req.1", "a", error.status), ("req.2", "b", 200)]
    road.assert_in_order((FAILED, 1000), (OK, 10))


async def test_a_body_that_cannot_be_aimed_has_not_left(build, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    road = build(a=[200])
    monkeypatch.setattr(OpenAIChat, "aim", fails)
    with pytest.raises(ZeroDivisionError):
        await road.call("a")
    road.assert_in_order()
