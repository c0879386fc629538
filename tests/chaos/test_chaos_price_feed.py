"""O3: a price feed that is broken, absurd, old or away. What calls are charged stays what the provider charges."""

import json
from collections import Counter
from contextlib import contextmanager

import openai
from feed_server import Feeds, cut, endless, every, feed, hang, moved, nobody_trusts, served, times, whole
from resident import resident
from road import billed, eventually, road, said, spent

MIB = 1 << 20

PATIENCE_S = 60
BODY_MAX_MB = 64  # Of a feed; more is not read.
RSS_MAX_MB = 4 * BODY_MAX_MB  # Above what it had: it may hold that twice, while it joins what came.
CONFIG = """
providers:
  fed: {base_url: SIM_URL/v1, key: SECRET, prices: fed}
models:
  relay: {deployments: [fed/sim-small]}
timeouts: {total: 15s, first_byte: 15s, idle: 4s}  # A feed that hangs is given up soon.
prices: {feed: "FEED/feed", every: 300ms, guard: 4x}
limits:
  - {node: "team:paying", amount: 1000 usd, window: month}
"""
GOOD = feed()

JUMPS = {  # In quarantine, until somebody says yes.
    "x1000": feed(times(1000)),
    "x0.001": feed(times(0.001)),
    "x4.01": feed(times(4.01)),
    "x0.24": feed(times(0.24)),
    "dollars a token": feed(times(1e-6)),
    "zero": feed(every(0)),
    "null": feed(every(None)),
    "a model missing": feed(models=("sim-small",)),
    "all models missing": json.dumps(json.loads(GOOD)[:-1]).encode(),
    "most providers missing": json.dumps(json.loads(GOOD)[-3:]).encode(),
}
BROKEN = {  # Not taken at all.
    "negative": whole(feed(every(-1))),
    "words for numbers": whole(feed(every("cheap"))),
    "not a number": whole(GOOD.replace(b'"input_mtok": 0.1', b'"input_mtok": NaN')),
    "cut JSON": whole(GOOD[: len(GOOD) // 2]),
    "cut connection": cut(GOOD),
    "empty": whole(b""),
    "no list": whole(b'{"error": "no"}'),
    "HTML": whole(b"<!doctype html><title>Sign in</title>"),
    "404": whole(GOOD, status=404),
    "500": whole(GOOD, status=500),
    "hang": hang,
    "a gibibyte": endless,
}


@contextmanager
def fed(folder):
    """A gateway, a feed, and where else the feed may lead: another host's name, and TLS that nobody trusts."""
    with served(Feeds()) as server, served(Feeds(nobody_trusts())) as strange:
        config = CONFIG.replace("FEED", f"http://127.0.0.1:{server.server_port}")
        with road(folder, config) as way:
            elsewhere = f"http://localhost:{server.server_port}/other"
            more = {
                "moved to another host": moved(elsewhere),
                "moved to itself": moved("/feed"),
                "TLS that nobody trusts": moved(f"https://127.0.0.1:{strange.server_port}/feed"),
            }
            eventually(lambda: server.asked > 0)
            yield way, server, BROKEN | more


def asked_twice(server):
    """The feed of now was fetched, and what came of it is known."""
    eventually(lambda: server.asked >= 2, PATIENCE_S)


def good_again(way, server):
    server.say(whole(GOOD))
    eventually(lambda: server.asked >= 2 and not way.metric("fareway_price_quarantined"), PATIENCE_S)


def charged(way, dice, calls):
    """Some calls, of both models in turn: one is named by the configuration, the other is in the ledger alone."""
    with way.client() as client:
        for number in range(calls):
            model = ("relay", "fed/sim-medium")[number % 2]
            client.chat.completions.create(model=model, messages=said("Hello!"), max_tokens=dice.randrange(1, 20))


def books(way):
    """How far they are from the provider's bill, and what was booked as free."""
    lines = way.entries()
    free = sum(1 for line in lines if line["cost_picos"] == 0 and line["entry"]["usage"])
    return abs(spent(lines) - billed(way.bill())).normalize(), free, len(lines)


def test_prices_stay_the_last_good_ones_whatever_the_feed_says(tmp_path, shown, dice, full):
    calls = 10 if full else 3
    came = Counter()
    with fed(tmp_path) as (way, server, broken):
        good_again(way, server)
        charged(way, dice, calls)
        before_mb = resident(way.gate.process.pid) / MIB
        cases = [*((name, whole(body), 1) for name, body in JUMPS.items()), *((n, a, 0) for n, a in broken.items())]
        dice.shuffle(cases)
        for name, answer, quarantined in cases:
            server.say(answer)
            asked_twice(server)
            came[name] = int(way.metric("fareway_price_quarantined")) == quarantined
            charged(way, dice, calls)
            good_again(way, server)
        off, free, count = books(way)
        grown_mb = resident(way.gate.process.pid, "VmHWM") / MIB - before_mb
        drift = way.metric("fareway_drift_units")
    held = sum(came.values())
    shown(
        "O3",
        "every kind of broken or absurd feed, while calls go on",
        f"{held} of {len(cases)} kinds changed nothing, {len(JUMPS)} wait; {count} calls ${off} off the bill, "
        f"{free} for $0; of 1 GiB it took {server.sent >> 20} MiB, memory +{grown_mb:.0f} MB",
        target="the last good prices stay, jumps wait for a yes, $0 never silently",
        met=held == len(cases) and off == free == drift == 0 and grown_mb < RSS_MAX_MB,
        wrong=[name for name, right in came.items() if not right],
        calls=count,
        grown_mb=grown_mb,
        read_mb=server.sent >> 20,
    )


def test_a_gateway_that_starts_beside_an_absurd_feed_goes_on_with_the_last_good_one(tmp_path, shown, dice, full):
    """Nothing was called since: what is in use is what the configuration names, and what the ledger knows."""
    names = sorted(JUMPS) if full else dice.sample(sorted(JUMPS), 2)
    held = 0
    with fed(tmp_path) as (way, server, _):
        good_again(way, server)
        charged(way, dice, 6)
        for name in names:
            way.rest()
            assert way.gate.stop() == 0
            server.say(whole(JUMPS[name]))
            way.gate.start()
            asked_twice(server)
            held += int(way.metric("fareway_price_quarantined"))
            charged(way, dice, 3)
            good_again(way, server)
        off, free, count = books(way)
    shown(
        "O3",
        "a start beside an absurd feed, before any call",
        f"{held} of {len(names)} in quarantine; {count} calls ${off} off the bill, {free} for $0",
        target="the last good prices stay, jumps wait for a yes, $0 never silently",
        met=held == len(names) and off == free == 0,
    )


def refused(way, key):
    with way.client(key) as client:
        try:
            client.chat.completions.create(model="fed/sim-large", messages=said("Hello!"), max_tokens=5)
        except openai.APIStatusError as error:
            return error.status_code
    return 200


def test_what_has_no_price_is_refused_where_a_limit_of_money_applies(tmp_path, shown, full):
    calls = 20 if full else 5
    with fed(tmp_path) as (way, server, _):
        good_again(way, server)
        paying = way.key("--team", "paying")
        statuses = Counter(refused(way, paying) for _ in range(calls))
        sent = len(way.bill())
        free_to_go = Counter(refused(way, None) for _ in range(calls))
        lines = way.entries()
    told = Counter((line["cost_status"], line["cost_picos"]) for line in lines)
    unpriced = told["unpriced", None]
    shown(
        "O3",
        "a model that the feed does not know",
        f"under a limit {statuses.total() - statuses[200]} of {calls} refused, {sent} sent; without one "
        f"{unpriced} of {free_to_go[200]} booked as unpriced, {told.total() - unpriced} as $0",
        target="refused under a limit of money, else booked as unpriced",
        met=200 not in statuses and sent == 0 and free_to_go == {200: calls} and told == {("unpriced", None): calls},
    )
