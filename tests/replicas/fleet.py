"""Several gateways, each with a home of its own, that share a Redis and a simulated provider."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import harness
from road import Road, assert_in_order
from stores.redis_server import RedisServer

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

    @property
    def first(self) -> str:
        return self.gates[0].first

    def entries(self) -> list[dict]:
        """Of all ledgers."""
        return [line for gate in self.gates for line in gate.entries()]

    def restart(self, number: int) -> None:
        """A gateway that was killed begins again in its home."""
        home = self.gates[number].gate.home
        self.gates[number].gate = harness.gateway(home, self.config, env={"PEPPER": PEPPER})


@contextmanager
def fleet(folder, limits="", *options, count=2, patient=True):
    """Redis, a simulator and so many gateways, for as long as the block runs. `patient`: they wait for a busy Redis."""
    with ExitStack() as stack:
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.kill)
        sim = harness.simulator(folder / "sim", *options)
        stack.callback(sim.stop)
        config = (
            CONFIG.replace("REDIS_URL", redis.patient_url if patient else redis.url).replace("SIM_URL", sim.url)
            + limits
        )
        made = Fleet(redis, [], config)
        for number in range(count):
            gate = harness.gateway(folder / f"gate-{number}", config, env={"PEPPER": PEPPER})
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
