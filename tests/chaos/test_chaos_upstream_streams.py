"""U4: streams that break off at every byte, in every way. A caller never takes a part for the whole, gets the bytes
that came, and the books are never below the bill."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import harness
import pytest
from chaos_proxy import NONE, ChaosProxy, End, Toxics
from road import billed, road, spent
from streamed import fault_in, offsets, plain
from tongues import TONGUES, Caller

pytestmark = pytest.mark.xdist_group("chaos-upstream")

TEXT = "Break. [[sim: tokens=3]]"
ENDS = (End.RESET, End.CLOSE, End.HALF_CLOSE)
GOOD_EVERY = 200  # So that no breaker opens.
PROVIDERS = "providers:\n  sim: {base_url: SIM_URL/v1}\n"
CONFIG = """
timeouts: {connect: 5s, first_byte: 20s, idle: 20s, total: 60s}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
limits: [{node: all, amount: 1000 usd, window: month}]
"""


def test_cut_at_every_byte(tmp_path, shown, dice, full):
    """Head, framing and all, on the way from a provider that bills."""
    sim = harness.simulator(tmp_path / "outer")
    port = urlsplit(sim.url).port
    with ExitStack() as stack:
        stack.callback(sim.stop)
        proxies = {tongue.name: stack.enter_context(ChaosProxy(port)) for tongue in TONGUES}
        providers = "".join(
            f"  cut-{name}: {{kind: sim, base_url: 'http://127.0.0.1:{proxy.port}/v1', prices: sim}}\n"
            for name, proxy in proxies.items()
        )
        way = stack.enter_context(road(tmp_path, PROVIDERS + providers + CONFIG))

        def cut_all(tongue, places):
            proxy, model, faults, calls = proxies[tongue.name], f"cut-{tongue.name}/sim-small", [], 0
            with closing(Caller(way.url, way.first)) as caller:
                whole = plain(caller.ask(tongue, model, TEXT, stream=True).body)
                size = proxy.bytes_down
                for end, limit in ((end, limit) for end in ENDS for limit in places(size)):
                    if calls % GOOD_EVERY == 0:
                        proxy.down = NONE
                        assert plain(caller.ask(tongue, model, TEXT, stream=True).body) == whole
                        proxy.drop()
                    proxy.down = Toxics(limit_bytes=limit, end=end)
                    fault = fault_in(tongue, whole, heard := caller.ask(tongue, model, TEXT, stream=True))
                    faults += [f"{tongue.name} {end} {limit}: {fault} {heard.body[-300:]!r}"] if fault else []
                    calls += 1
            return calls, faults

        drawn = {}

        def places(size):
            return drawn.setdefault(size, offsets(size, full, dice))

        with ThreadPoolExecutor(len(TONGUES)) as pool:
            found = list(pool.map(lambda tongue: cut_all(tongue, places), TONGUES))
        entries, bill = way.entries(), harness.bill(sim.home)
        booked, charged = {}, {}
        for line in entries:
            booked.setdefault(line["request_id"], []).append(line)
        for line in bill:
            charged.setdefault(line["gateway_request_id"], []).append(line)
        under = [one for one, lines in charged.items() if spent(booked.get(one, [])) < billed(lines)]
    calls, faults = sum(n for n, _ in found), [fault for _, some in found for fault in some]
    success = sum("synthetic" in fault for fault in faults)
    shown(
        "U4",
        "reset, FIN and half-close at every byte of an answer, 4 dialects",
        f"{success} synthetic successes, {len(faults) - success} faults, {len(under)} below the bill: {calls} cuts",
        target="0, 0, 0",
        met=not faults and not under,
        faults=faults[:10],
        under=under[:10],
        calls=calls,
    )
