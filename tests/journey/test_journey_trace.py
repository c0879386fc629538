"""Two thousand calls of a recorded day through twenty teams, some of whose budgets do not last.

Arrivals and lengths are those of Azure's trace of conversations where the shared data is; else of a
seeded synthetic one of the same shape. Lengths are divided by eight, so that two cores can follow.
"""

import asyncio
import csv
import itertools
import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import aiohttp
import pytest
from road import MILLION, NANOS, RATES, billed, road, spent

from gateway.simulator.words import WORDS

pytestmark = pytest.mark.xdist_group("trace")

SEED = 1
CALLS = 2000
LASTS_S = 20.0
TEAMS = [f"t{number:02}" for number in range(20)]
ZIPF = 1.1
SHORT = {"t00": 0.6, "t01": 0.4, "t02": 0.7, "t04": 0.5, "t06": 0.3, "t07": 0.6}  # Share of what they will ask for.
MODEL = "sim-small"
SCALE = 8


@dataclass(frozen=True)
class Arrival:
    """One call of the trace."""

    at_s: float
    team: str
    prompt: str
    output_tokens: int

    @property
    def cost(self):
        """About what it will cost, in dollars."""
        given, _, made = RATES[MODEL]
        return ((len(self.prompt.split()) + 20) * given + self.output_tokens * made) / MILLION


def recorded(shared):
    """(seconds, context tokens, generated tokens) of the first rows."""
    with (shared / "data" / "azure" / "AzureLLMInferenceTrace_conv.csv").open() as file:
        rows = list(itertools.islice(csv.DictReader(file), CALLS))
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    return [
        ((at - times[0]).total_seconds(), int(row["ContextTokens"]), int(row["GeneratedTokens"]))
        for at, row in zip(times, rows, strict=True)
    ]


def synthetic(chance):
    """The same shape: bursts of arrivals, and lengths over three orders of magnitude."""
    at, rows = 0.0, []
    for _ in range(CALLS):
        at += chance.expovariate(5) if chance.random() < 0.9 else chance.expovariate(0.5)
        given, made = chance.lognormvariate(6.6, 0.9), chance.lognormvariate(5.0, 0.8)
        rows.append((at, min(14_000, max(3, round(given))), min(1000, max(2, round(made)))))
    return rows


def arrivals(rows, chance):
    """Calls at their moments, each of a team drawn by Zipf's law."""
    weights = [1 / (rank + 1) ** ZIPF for rank in range(len(TEAMS))]
    end = rows[-1][0]
    for number, (at, given, made) in enumerate(rows):
        output = max(1, made // SCALE)
        prompt = f"{number} {' '.join(chance.choices(WORDS, k=max(1, given // SCALE)))} [[sim: tokens={output}]]"
        yield Arrival(at / end * LASTS_S, chance.choices(TEAMS, weights)[0], prompt, output)


@pytest.fixture(scope="module")
def trace(shared):
    """What arrives, and from where it is known."""
    chance = random.Random(SEED)
    rows = recorded(shared) if shared else synthetic(chance)
    source = "Azure's trace of conversations" if shared else "a synthetic trace, as the shared data is not there"
    return list(arrivals(rows, chance)), source


@pytest.fixture(scope="module")
def budgets(trace):
    """Dollars a month for each team: less than it will ask for, or far more."""
    asked = defaultdict(Decimal)
    for arrival in trace[0]:
        asked[arrival.team] += arrival.cost
    return {team: round(asked[team] * Decimal(SHORT.get(team, 3)) + Decimal("1e-5"), 9) for team in TEAMS}


@pytest.fixture(scope="module")
def way(budgets, tmp_path_factory):
    limits = "".join(
        f"  - {{node: team:{team}, amount: {amount:f} usd, window: month, hold: strict}}\n"
        for team, amount in budgets.items()
    )
    with road(
        tmp_path_factory.mktemp("trace"), f"providers: {{sim: {{base_url: SIM_URL/v1}}}}\nlimits:\n{limits}"
    ) as it:
        yield it


class Callers:
    """All twenty teams."""

    def __init__(self, way, session, keys):
        self.way, self.session, self.keys = way, session, keys
        self.ends = Counter()
        self.refusals = []
        self.waits = 0

    async def call(self, arrival, number, begun):
        """One call at its moment. Told to wait for money that others hold, it comes back like any good client."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(begun + arrival.at_s - loop.time())
        body = {"model": MODEL, "messages": [{"role": "user", "content": arrival.prompt}]}
        body |= {"max_tokens": arrival.output_tokens, "stream": number % 3 == 0}
        headers = {"Authorization": f"Bearer {self.keys[arrival.team]}", "Content-Type": "application/json"}
        while True:
            url = f"{self.way.url}/v1/chat/completions"
            async with self.session.post(url, data=json.dumps(body), headers=headers) as answer:
                text = await answer.read()
                if answer.status == 429 and answer.headers["x-fareway-limit-reason"] == "held":
                    self.waits += 1
                else:
                    break
            await asyncio.sleep(0.3)
        self.ends[answer.status] += 1
        if answer.status == 429:
            self.refusals.append((arrival.team, dict(answer.headers), json.loads(text)["error"]))
        elif body["stream"]:
            assert text.endswith(b"data: [DONE]\n\n")


async def test_a_day_of_traffic(way, trace, budgets, record_property):
    calls, source = trace
    record_property("trace", source)
    print(f"seed {SEED}, {source}: {len(calls)} calls")
    made = await asyncio.gather(*(asyncio.to_thread(way.key, "--team", team) for team in TEAMS))
    keys = dict(zip(TEAMS, made, strict=True))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        callers = Callers(way, session, keys)
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(callers.call(arrival, number, begun) for number, arrival in enumerate(calls)))
    print(f"{dict(callers.ends)}; {callers.waits} times somebody waited for held money")
    lines = await asyncio.to_thread(way.entries)
    bill = way.bill()

    assert set(callers.ends) == {200, 429}
    assert len(lines) == len(bill) == callers.ends[200]
    assert spent(lines) == billed(bill), "the books are equal to the bill"
    check_budgets(way, lines, callers.refusals, budgets)
    check_refusals(callers.refusals, budgets)


def check_budgets(way, lines, refusals, budgets):
    """Nobody is over by a nano-dollar, and who was refused had used what there was."""
    by_team = defaultdict(list)
    for line in lines:
        by_team[line["team"]].append(line)
    balances = {name.partition("/")[0]: amount for name, amount in way.balances().items()}
    used = {team: spent(by_team[team]) / budgets[team] for team in TEAMS}
    for team in TEAMS:
        assert balances[f"team:{team}"] == spent(by_team[team]) * NANOS
        assert spent(by_team[team]) <= budgets[team], "not a nano-dollar over"
    exhausted = {team for team, headers, _ in refusals if headers["x-fareway-limit-reason"] == "exhausted"}
    print("used of exhausted budgets:", {team: f"{used[team]:.2%}" for team in sorted(exhausted)})
    assert exhausted == set(SHORT)
    for team in exhausted:
        assert used[team] >= Decimal("0.9"), (team, used[team])


def check_refusals(refusals, budgets):
    """Each names the team whose money is gone, and the amounts."""
    for team, headers, error in refusals:
        assert headers["x-fareway-budget-scope"] == f"team:{team}"
        assert headers["x-should-retry"] == "false"
        assert error["code"] == "insufficient_quota"
        assert f"team:{team} " in error["message"]
        assert f"${budgets[team].normalize():f}" in error["message"]
        assert headers["x-fareway-budget-reset"] in error["message"]
