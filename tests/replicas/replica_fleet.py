"""Several gateways, each with a home of its own, that share a Redis and a simulated provider."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal

import harness
from chaos_proxy import ChaosProxy
from road import NANOS, Road, assert_in_order, billed, eventually, spent
from stores.redis_server import RedisServer

from gateway.stores.redis_leases import ROOT

PEPPER = "a-pepper-that-all-of-them-have"
CONFIG = """
state: REDIS_URL
pepper: "${PEPPER}"
providers:
  sim: {base_url: SIM_URL/v1}
"""


@dataclass
class Fleet:
    """All processes. `gates` are roads to the gateways; keys are the first one's, and good at every one."""

    redis: RedisServer
    gates: list[Road]
    config: str
    proxy: ChaosProxy | None = None

    @property
    def first(self) -> str:
        return self.gates[0].first

    def entries(self) -> list[dict]:
        """Of all ledgers."""
        return [line for gate in self.gates for line in gate.entries()]

    def store_calls(self, operation: str) -> int:
        """How often all have asked the store."""
        return sum(int(gate.metric("fareway_store_calls_total", operation=operation)) for gate in self.gates)

    def stored(self, account: str) -> int:
        """What the store says all have spent on an account."""
        said = self.redis.say("HGET", f"{ROOT}:record:{account}", "spent")
        return int(said.split(b"\r\n")[1]) if said[:1] == b"$" and said[1:2] != b"-" else 0

    def assert_books_agree(self, budget: Decimal, *, died: bool = False) -> Decimal:
        """The provider's bill, all ledgers and the store say the same, and no window has more than the budget. Where
        one `died`, calls in flight stand at all that they held. Returns what was spent."""
        lines, bill = self.entries(), self.gates[0].bill()
        cost = spent(lines)
        assert cost >= billed(bill) if died else cost == billed(bill)
        balances: Counter[str] = Counter()
        for gate in self.gates:
            balances.update(gate.balances())
        assert all(Decimal(nanos) / NANOS <= budget for nanos in balances.values()), balances
        for account, nanos in balances.items():
            eventually(lambda account=account, nanos=nanos: self.stored(account) == nanos)
        return cost

    def restart(self, number: int) -> None:
        """A gateway that was killed begins again in its home."""
        home = self.gates[number].gate.home
        self.gates[number].gate = harness.gateway(home, self.config, env={"PEPPER": PEPPER})


@contextmanager
def fleet(folder, limits="", *options, count=2, patient=True, redis=None, behind=None, env=None):
    """Redis, a simulator and so many gateways, for as long as the block runs. `patient`: they wait for a busy Redis.
    `behind`: makes a proxy to a port, through which they reach it. `env`: of single gateways, by number."""
    with ExitStack() as stack:
        redis = (redis or RedisServer(folder / "redis")).start()
        stack.callback(redis.kill)
        proxy = behind(redis.port) if behind else None
        if proxy:
            stack.callback(proxy.stop)
        sim = harness.simulator(folder / "sim", *options)
        stack.callback(sim.stop)
        address = (redis.patient_url if patient else redis.url).replace(
            f":{redis.port}", f":{proxy.port if proxy else redis.port}"
        )
        config = CONFIG.replace("REDIS_URL", address).replace("SIM_URL", sim.url) + limits
        made = Fleet(redis, [], config, proxy)
        for number in range(count):
            own = (env or {}).get(number, {})
            gate = harness.gateway(folder / f"gate-{number}", config, env={"PEPPER": PEPPER} | own)
            tokens = gate.tokens if number == 0 else [made.gates[0].admin, made.gates[0].first]
            made.gates.append(Road(sim, gate, *tokens))
        try:
            yield made
        finally:
            redis.thaw()
            ended = [gate.gate.stop() for gate in made.gates]
        assert ended == [0] * count
        for gate in made.gates:
            assert_in_order(gate.gate.stderr)
