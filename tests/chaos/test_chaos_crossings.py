"""S5, over sockets: tenants ask the same, with every kind of cache on, and reach for what is another's.

Every answer of the provider has an id of its own. So whoever gets an id that another tenant has got before was given
what was bought by that one.
"""

import asyncio
import itertools
import json
import time
from collections import Counter, defaultdict

import aiohttp
import harness
import pytest
from many_teams import TEAMS, keys_of
from road import assert_in_order
from upstream import OK, Reply, upstream

PATIENCE = aiohttp.ClientTimeout(total=60)
CHAT = "/v1/chat/completions"
CACHES = """
providers: {sim: {base_url: "URL/sim/v1"}}
cache: {scope: team, exact: {store: shared}, semantic: {errors: 20%, verify: 20%}}
"""
SPACES = ("", "", "a/1:b")
ONCE = (*[None] * 4, "k", "1:k")
CALLERS = 8


@pytest.fixture
def numbered():
    """A provider whose every answer has another id, and whose answers take a moment, so that calls can be joined."""
    with upstream() as provider:
        numbers = itertools.count()

        def take(_):
            time.sleep(0.01)
            return Reply(OK.replace(b'"id":"x"', b'"id":"answer-%d"' % next(numbers)))

        provider.take = take
        yield provider


def drawn(dice, spellings):
    """One call: whose answer it may get beside its own is up to the cache's name, the Idempotency-Key and the words."""
    headers, use = {}, dice.choice(("use", "semantic", "semantic", None))
    if use:
        headers["x-fareway-cache"] = use
        if space := dice.choice(SPACES):
            headers["x-fareway-cache-namespace"] = space
    if once := dice.choice(ONCE):
        headers["Idempotency-Key"] = once
    text = dice.choice(("Is snow white", "Is coal black")) + "!" * dice.randrange(spellings) + "?"
    body = {"model": "sim-small", "messages": [{"role": "user", "content": text}], "max_tokens": 9}
    return headers, json.dumps(body).encode()


async def asked(url, keys, calls, dice):
    """So many calls by a few at once: who got which answer, under which name of the cache; and how they came by it."""
    said = [drawn(dice, calls // 200) for _ in range(calls // CALLERS)]
    plans = iter([(dice.choice(keys), *one) for one in said for _ in range(CALLERS)])  # All ask the same at once.
    got, ways = defaultdict(set), Counter()

    async def caller():
        async with aiohttp.ClientSession(timeout=PATIENCE) as session:
            for (team, token, key_id), headers, body in plans:
                shown = headers | {"Authorization": f"Bearer {token}"}
                async with session.post(url + CHAT, data=body, headers=shown) as answer:
                    said = await answer.json()
                    ways[answer.headers.get("x-fareway-idempotent") or answer.headers.get("x-fareway-cache")] += 1
                    if answer.status == 200:
                        got[said["id"]].add((team, key_id, headers.get("x-fareway-cache-namespace", "")))
                    else:
                        assert answer.status in (409, 422), said  # The key was used for other words.

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return got, ways


def test_no_answer_is_given_to_another_tenant(tmp_path, shown, full, dice, numbered):
    gate = harness.gateway(tmp_path, CACHES.replace("URL", numbered.url))
    try:
        got, ways = asyncio.run(asked(gate.url, keys_of(gate), 6000 if full else 600, dice))
        assert_in_order(gate.stderr)
    finally:
        gate.stop()
    crossed = {name: sorted(who) for name, who in got.items() if len({team for team, *_ in who}) > 1}
    given = {way: count for way, count in ways.items() if way in ("hit", "joined", "semantic", "replayed")}
    assert sum(given.values()) > 100, "else nothing was shared by those who may"
    told = ", ".join(f"{count} {way}" for way, count in sorted(given.items()))
    figure = f"{len(crossed)} crossings in {sum(ways.values()):,} calls of {len(TEAMS)} teams, of which {told}"
    shown("S5", "the same words, all caches on", figure, target="0 crossings", met=not crossed, crossed=crossed)
