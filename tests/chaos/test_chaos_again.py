"""B12 and B13: the same call sent again, and calls that the gateway sends again: charged as by the provider."""

import asyncio
import itertools
from collections import Counter

import aiohttp
import pytest
from crowd import PATIENCE, chat
from replica_fleet import fleet
from road import billed, road, spent
from stores.redis_server import BINARY

IN_PROGRESS = "idempotency_in_progress"
TWICE = """
providers:
  sim: {base_url: SIM_URL/v1}
  twin: {base_url: SIM_URL/v1, prices: sim}
routing: {policy: policies.weighted, retry: {rounds: 1, budget: 100%}, breaker: {failures: 1000, open: 1s}}
timeouts: {connect: 2s, first_byte: 2s, idle: 2s, total: 10s}
models:
  relay: {deployments: [sim/sim-small, {to: twin/sim-small, weight: 0}]}
"""
FAULTS = {  # What becomes of an attempt, and how often a call with it is sent.
    "refused at first": "fail_first=1",
    "refused always": "fail=500",
    "reset after tokens": "cut=5",
    "an error after tokens": "error_after=5",
    "no end": "eof=5",
    "no usage": "nousage",
    "nothing": "",
}


async def said(session, url, body, key=""):
    """The status, and the word of an error; a status of 0 where the connection broke."""
    headers = {"Idempotency-Key": key} if key else {}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
            text = await answer.read()
            return answer.status, "" if answer.status == 200 else text.decode()
    except aiohttp.ClientError as error:
        return 0, repr(error)


@pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
async def test_the_same_key_again(tmp_path, shown, dice):
    """At once on two gateways, after one was killed, and with another body."""
    keys = 300 if shown.full else 30
    with fleet(tmp_path, "", "--first-token-ms", "20") as made:
        turns = itertools.cycle(made.gates)
        headers = {"Authorization": f"Bearer {made.first}"}
        connector = aiohttp.TCPConnector(limit=60, force_close=True)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session:

            def sent(number, text):
                return said(session, next(turns).url, chat(text), f"key-{number}")

            asked = [number for number in range(keys) for _ in range(dice.randint(2, 10))]
            dice.shuffle(asked)
            told = Counter()
            for at in range(0, len(asked), 60):
                told.update(s for s, _ in await asyncio.gather(*(sent(n, f"call {n}") for n in asked[at : at + 60])))
            dying = asyncio.gather(
                *(
                    said(session, made.gates[0].url, chat(f"{n} [[sim: tokens=40 tps=20]]"), f"dies-{n}")
                    for n in range(10)
                )
            )
            await asyncio.sleep(0.5)
            made.gates[0].gate.kill()
            await dying
            await asyncio.to_thread(made.restart, 0)
            turns = itertools.cycle(made.gates)
            late = [await sent(number, f"call {number}") for number in range(keys)]
            other = [await sent(number, "something else") for number in range(keys)]
            again = [
                await said(session, next(turns).url, chat(f"{n} [[sim: tokens=40 tps=20]]"), f"dies-{n}")
                for n in range(10)
            ]
        lines, bill = made.entries(), made.gates[0].bill()
    settled = [line for line in lines if line["outcome"] == "ok"]
    died = [line for line in lines if line["outcome"] == "unresolved"]
    asked_twice = len(bill) - keys - len(died)
    answered = Counter(status for status, _ in late)
    met = len(settled) == keys and asked_twice <= 0 and {s for s, _ in other} == {422} and set(answered) <= {200, 409}
    shown(
        "B12",
        "each key 2 to 10 times on two gateways at once, and after a crash",
        f"{keys} keys sent {len(asked) + keys} times: {len(settled)} calls asked and charged; later {dict(answered)}; "
        f"another body {dict(Counter(s for s, _ in other))}; in flight at a kill {dict(Counter(s for s, _ in again))}",
        target="one call and one charge for a key; another body is 422",
        met=met and {status for status, _ in again} <= {409} and spent(settled) == billed(bill) - _of(bill, died),
        told=dict(told),
    )


def _of(bill, lines):
    """What the provider charged for calls that were in flight."""
    known = {line["request_id"] for line in lines}
    return billed([one for one in bill if one["gateway_request_id"] in known])


async def test_attempts_that_fail(tmp_path, shown, dice):
    """A provider that fails before, in the middle, or not at all, with another one behind it."""
    count = 1000 if shown.full else 70
    with road(tmp_path, TWICE) as way:
        headers = {"Authorization": f"Bearer {way.first}"}
        connector = aiohttp.TCPConnector(limit=20)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session:

            def sent(number):
                fault, stream = dice.choice(list(FAULTS.values())), dice.random() < 0.5
                body = chat(f"{number} [[sim: tokens=20 {fault}]]", "relay", stream=stream, max_tokens=50)
                return said(session, way.url, body)

            statuses = Counter(status for status, _ in await asyncio.gather(*(sent(n) for n in range(count))))
        lines, bill = way.entries(), way.bill()
    booked, charged = Counter(line["request_id"] for line in lines), Counter(b["gateway_request_id"] for b in bill)
    missing, extra = charged - booked, booked - charged
    unsure = sum(line["outcome"] in ("failed", "cut") for line in lines if extra[line["request_id"]])
    under = sum(
        spent([line for line in lines if line["request_id"] == name])
        < billed([b for b in bill if b["gateway_request_id"] == name])
        for name in charged
    )
    shown(
        "B13",
        "retries and fallbacks of a provider that fails in six ways",
        f"{count} calls, {dict(statuses)}: {charged.total()} attempts charged by the provider, {missing.total()} not "
        f"booked, {under} booked for less; {extra.total()} booked beyond, {unsure} of them without an answer",
        target="each charged attempt booked once; beyond them only what nobody knows",
        met=not missing and not under and extra.total() <= unsure,
    )
