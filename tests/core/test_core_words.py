"""The smaller words of the domain: usage, limits, callers, refusals, decisions."""

from datetime import datetime

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.caller import Caller, Key, Role
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import (
    RETRY_WORTH_WAITING_S,
    BadRequest,
    BodyTooLarge,
    Forbidden,
    GatewayError,
    LimitReached,
    MethodNotAllowed,
    NoPrice,
    NotFound,
    Reason,
    Refusal,
    Unauthorized,
    Unavailable,
    UnknownModel,
    UnsupportedEncoding,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.core.limit import (
    LONGEST_S,
    Fare,
    Limit,
    Span,
    Start,
    Unit,
    amount_text,
    ended_before,
    longest_s,
    short_window_before,
)
from gateway.core.price import UNPRICED
from gateway.core.request import PROMPT_PART_CHARACTERS, excerpt
from gateway.core.route import Candidate, Context, Decision
from gateway.core.tenant import Change, Rule, Tenant
from gateway.core.usage import Extras, Usage, summed
from gateway.limits.accounts import Account
from gateway.limits.windows import window_at

NOT_TOKENS = {"requests", "final", "extras", "prompt"}
COUNTERS = [name for name in Usage.__match_args__ if name not in NOT_TOKENS]


@given(st.fixed_dictionaries({name: st.integers(0, 10**9) for name in COUNTERS}))
def test_every_token_counter_is_in_exactly_one_total(counted):
    usage = Usage(**counted)
    made = sum(v for n, v in counted.items() if n.startswith("output"))
    assert usage.output_total == made
    assert usage.input_total + usage.output_total == usage.tokens == sum(counted.values())


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans()), max_size=5))
def test_what_several_calls_used_is_the_sum_of_all_counters(calls):
    usages = [Usage(input=i, output_reasoning=o, extras=Extras(pages=o) if s else None, prompt=i) for i, o, s in calls]
    together = summed(usages)
    assert together.tokens == sum(usage.tokens for usage in usages)
    assert (together.requests, together.final, together.prompt) == (len(calls), True, None)
    pages = sum(o for _, o, searched in calls if searched)
    assert (together.extras.pages if together.extras is not None else 0) == pages
    assert not summed([*usages, Usage(final=False)]).final


def test_a_key_is_good_until_it_expires_and_while_it_is_not_revoked():
    assert Key("k", b"").good(10**12)
    assert Key("k", b"", expires=100).good(99.9)
    assert not Key("k", b"", expires=100).good(100)
    assert not Key("k", b"", revoked=True).good(0)


def test_who_sees_whose_calls():
    own, mate, other = Caller("k", team="t"), Caller("m", team="t"), Caller("o", team="u")
    seen = {role: [Key("k", b"", own, role=role).sees(caller) for caller in (own, mate, other)] for role in Role}
    assert seen == {
        Role.CALLER: [True, False, False],
        Role.TEAM_ADMIN: [True, True, False],
        Role.VIEWER: [True, True, True],
        Role.ADMIN: [True, True, True],
    }
    assert not Key("k", b"", Caller("k"), role=Role.TEAM_ADMIN).sees(Caller("m")), "no team is nobody's team"


def test_what_is_kept_of_changes_is_read_as_it_was_written():
    """Also where most of it is left out."""
    rule = Rule(Limit("team:t", Unit.USD, 5, Span.DAY), Role.TEAM_ADMIN)
    for kept in (Tenant("t", org="o"), Tenant("t"), rule, Change(1.5, "keys.create", "k", "a", "cli", after={"x": 1})):
        assert msgspec.json.decode(msgspec.json.encode(kept), type=type(kept)) == kept


def test_a_key_without_models_may_use_all_and_else_only_those():
    assert Key("k", b"").may_use("anything")
    assert Key("k", b"", models=("a",)).may_use("a")
    assert not Key("k", b"", models=("a",)).may_use("b")


def test_a_limits_identity_survives_another_amount_and_changes_with_unit_span_and_node():
    base = Limit("all", Unit.USD, 1, Span.DAY)
    assert base.id == Limit("all", Unit.USD, 999, Span.DAY, timezone="Europe/Zurich").id
    others = [("all", Unit.TOKENS, Span.DAY), ("all", Unit.USD, Span.WEEK), ("team:a", Unit.USD, Span.DAY)]
    assert base.id not in {Limit(n, u, 1, s).id for n, u, s in others}


def unix(text):
    return datetime.fromisoformat(text).timestamp()


HOUR = "2026-11-21T10:00:00+01:00"
NODES = ["all", "team:a", "team:a/b", "key:x@y", "user:a/usd/hour@2020-01-01T00:00:00+00:00", "org:/@/", "team:"]


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize(
    ("span", "start", "short"),
    [(span, HOUR, True) for span in (Span.SECOND, Span.MINUTE, Span.HOUR)]
    + [(span, HOUR, False) for span in (Span.DAY, Span.WEEK, Span.MONTH, Span.QUARTER)]
    + [(Span.LIFETIME, "always", False), (Span.RUNNING, "always", False)],
)
def test_a_short_window_that_is_over_is_known_by_its_accounts_name(node, unit, span, start, short):
    """Whatever the node is called: only the last `/` and the last `@` count."""
    account = f"{node}/{unit}/{span}@{start}"
    assert short_window_before(account, unix(HOUR) + 1) is short
    assert not short_window_before(account, unix(HOUR))


def test_a_node_that_looks_like_an_old_hour_does_not_make_a_month_short():
    old = "team:a/usd/hour@2020-01-01T00:00:00+00:00"
    assert short_window_before(old, unix(HOUR))
    assert not short_window_before(f"{old}/usd/month@2020-01-01T00:00:00+00:00", unix(HOUR))
    assert not short_window_before(f"{old}/usd/hour@{HOUR}", unix(HOUR))


@pytest.mark.parametrize("account", ["", "@", "hour@", "a/usd/hour@always", "a/usd/hour@", f"a/usd/Hour@{HOUR}"])
def test_what_names_no_account_is_no_short_window(account):
    assert not short_window_before(account, 1e12)


@settings(max_examples=200)
@given(
    st.sampled_from(NODES),
    st.sampled_from([Span.SECOND, Span.MINUTE, Span.HOUR]),
    st.sampled_from(["UTC", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana"]),
    st.integers(1_300_000_000, 1_900_000_000),
)
def test_a_window_as_accounts_name_it_is_over_by_its_own_start(node, span, zone, at):
    window = window_at(span, zone, at)
    account = Account(node, Limit(node, Unit.USD, 1, span), window).id
    assert short_window_before(account, window.start + 1)
    assert not short_window_before(account, window.start)


@settings(max_examples=400)
@given(
    st.sampled_from(NODES),
    st.sampled_from([*LONGEST_S]),
    st.sampled_from(["UTC", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Pacific/Kwajalein"]),
    st.builds(Start, st.integers(0, 30), st.integers(0, 1439)),
    st.integers(100_000_000, 1_900_000_000),
)
@example("all", Span.DAY, "Pacific/Kwajalein", Start(), -7_948_800)  # Of 47 hours or so: it changed sides.
def test_a_window_is_taken_to_have_ended_some_days_after_it_did_and_never_before(node, span, zone, start, at):
    first = Start(start.day % 7, start.minute) if span is Span.WEEK else start
    window = window_at(span, zone, at, first)
    account = Account(node, Limit(node, Unit.USD, 1, span), window).id
    assert window.end - window.start <= longest_s(account)
    assert not ended_before(account, window.end - 1)
    assert ended_before(account, window.end + 5 * 86_400)


@pytest.mark.parametrize("window", ["lifetime@always", "while running@always", "rolling 1h@rolling", "month@", "@"])
def test_what_names_no_window_that_ends_has_not_ended(window):
    assert not ended_before(f"all/usd/{window}", 1e12)


def test_a_fare_has_an_amount_in_every_unit():
    fare = Fare(nanos=1, input_tokens=2, output_tokens=3, requests=6, concurrent=7)
    assert [fare.in_unit(unit) for unit in Unit] == [1, 5, 2, 3, 6, 7]


def test_amounts_are_written_with_their_unit():
    assert amount_text(10_000_000_000, Unit.USD) == "$10.00"
    assert amount_text(60000, Unit.TOKENS) == "60000 tokens"
    assert amount_text(500, Unit.INPUT_TOKENS) == "500 input tokens"
    assert amount_text(8, Unit.CONCURRENT) == "8 concurrent"


def refusal(reason, resets_in_s=None, unit="usd"):
    at = None if resets_in_s is None else "2026-12-01T00:00:00+00:00"
    return Refusal("team:a", unit, "month", "$10.00", "$9.00", "$0.50", "$2.00", at, reason, resets_in_s)


def test_what_calls_in_flight_hold_is_worth_asking_for_in_a_second():
    error = LimitReached(refusal(Reason.HELD, 10**6))
    assert (error.retry_after_s, error.retryable) == (1, None)


@pytest.mark.parametrize(("resets_in", "wait"), [(0.0, 1), (0.2, 1), (59.5, 60), (60, 61), (-5.0, 1)])
def test_a_window_that_ends_soon_says_when_to_come_back_and_never_too_early(resets_in, wait):
    error = LimitReached(refusal(Reason.EXHAUSTED, resets_in))
    assert (error.retry_after_s, error.retryable) == (wait, None)
    assert error.retry_after_s > resets_in


@pytest.mark.parametrize("resets_in", [RETRY_WORTH_WAITING_S + 0.1, 10**6, None])
def test_an_exhausted_budget_that_stays_so_is_not_retried(resets_in):
    error = LimitReached(refusal(Reason.EXHAUSTED, resets_in))
    assert (error.retry_after_s, error.retryable) == (None, False)


def test_a_ceiling_of_the_callers_own_is_not_somebody_elses_budget():
    refused = Refusal(
        "x-fareway-max-cost", "usd", "lifetime", "$0.01", "$0.00", "$0.00", "$0.02", None, Reason.TOO_BIG, ceiling=True
    )
    assert str(LimitReached(refused)) == (
        "This call would pass its own ceiling, x-fareway-max-cost: $0.00 spent and $0.00 held of $0.01; this call "
        "needs $0.02. Raise it, or ask for less."
    )


def test_a_call_that_cannot_fit_is_not_retried_even_if_the_window_ends_soon():
    error = LimitReached(refusal(Reason.TOO_BIG, 5.0))
    assert (error.retry_after_s, error.retryable) == (None, False)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.EXHAUSTED, "Ask whoever owns team:a"),
        (Reason.HELD, "try again in a moment"),
        (Reason.TOO_BIG, "shorter"),
    ],
)
def test_a_refusal_says_who_how_much_and_what_to_do(reason, words):
    text = str(LimitReached(refusal(reason, 3600)))
    for part in ("Budget", "team:a", "month", "$9.00 spent", "$0.50 held of $10.00", "needs $2.00", words):
        assert part in text
    assert ("2026-12-01" in text) == (reason is not Reason.HELD)


def test_a_refusal_of_a_rate_limit_does_not_speak_of_a_budget():
    text = str(LimitReached(refusal(Reason.EXHAUSTED, unit="tokens")))
    assert text.startswith("Limit reached")
    assert "resets" not in text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequest("x"), 400),
        (BodyTooLarge("x"), 413),
        (UnsupportedEncoding("x"), 415),
        (Unauthorized("x"), 401),
        (Forbidden("x"), 403),
        (NotFound("x"), 404),
        (UnknownModel("x"), 404),
        (MethodNotAllowed(("GET",)), 405),
        (LimitReached(refusal(Reason.HELD)), 429),
        (Unavailable("x"), 503),
        (NoPrice("x"), 503),
        (UpstreamError("x"), 502),
        (UpstreamTimeout("x"), 504),
    ],
)
def test_every_error_has_the_status_that_its_table_says(error, status):
    assert isinstance(error, GatewayError)
    assert error.status == status


def test_waiting_helps_when_we_are_down_and_not_when_a_price_is_missing():
    assert Unavailable("x").retry_after_s == 1
    assert (NoPrice("x").retry_after_s, NoPrice("x").retryable) == (None, False)


def test_a_bad_request_names_its_field():
    assert BadRequest("x", "n").param == "n"
    assert BadRequest("x").param is None


def test_a_policy_cannot_decide_for_nothing():
    with pytest.raises(AssertionError):
        Decision((), "because")
    one = Candidate("a/b", "a", "b", "premium", selfhosted=False, cost_likely=None, cost_worst=None)
    assert Decision((one,), "because").plan == (one,)


def test_contexts_do_not_share_their_parameters():
    assert Context().params is not Context().params


def test_outcomes_read_as_plain_words():
    """They are stored and shown as they are."""
    assert f"{Outcome.HUNG_UP}" == "hung_up"
    assert Outcome("unresolved") is Outcome.UNRESOLVED


@given(st.text(max_size=3 * PROMPT_PART_CHARACTERS))
def test_an_excerpt_has_both_ends_of_a_text_and_is_its_own_excerpt(text):
    short = excerpt(text)
    assert len(short) <= 2 * PROMPT_PART_CHARACTERS + 1
    assert short[:PROMPT_PART_CHARACTERS] == text[:PROMPT_PART_CHARACTERS]
    assert short[-PROMPT_PART_CHARACTERS:] == text[-PROMPT_PART_CHARACTERS:]
    assert excerpt(short) == short


def test_of_a_long_text_the_middle_is_left_out():
    assert excerpt("a" * 5000 + "z" * 5000) == "a" * 1000 + "\n" + "z" * 1000
    assert excerpt("a" * 2000) == "a" * 2000


def test_an_engine_of_ours_has_a_name_of_its_own_and_answers_like_the_others():
    entry = Entry(
        *("r.1", "r", 0.0, Caller("k"), "m", "local", "llama", "llama", "standard"),
        selfhosted=True,
        reason="",
        usage=Usage(),
        cost=UNPRICED,
        held_nanos=0,
        outcome=Outcome.OK,
        status=200,
    )
    there = replace(entry, backend="10.0.0.5:8000")
    assert (entry.deployment, entry.group) == ("local/llama", "local/llama")
    assert (there.deployment, there.group) == ("local@10.0.0.5:8000/llama", "local/llama")
    assert (
        Candidate(
            "local@a/llama", "local", "llama", "standard", selfhosted=True, cost_likely=None, cost_worst=None
        ).group
        == "local/llama"
    )
