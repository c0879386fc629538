"""A changed configuration and several workers: all take it over, and whoever is started again begins with it."""

import asyncio
import os
import signal
from pathlib import Path

from crowd import chat, crowd
from road import eventually, road

WORKERS = 2
NAMES = """
server: {workers: 2}
providers:
  sim: {base_url: SIM_URL/v1}
models:
  relay: {deployments: [sim/sim-small]}
"""


def reread(way, text, came):
    """The file says something else, and the supervisor is told so."""
    (way.gate.home / "fareway.yaml").write_text(text.replace("SIM_URL", way.sim.url))
    before = way.metric("fareway_config_reloads_total", result=came)
    way.gate.process.send_signal(signal.SIGHUP)
    eventually(lambda: way.metric("fareway_config_reloads_total", result=came) == before + WORKERS)


def asked(way, model):
    return asyncio.run(crowd(way, way.first, callers=8, calls=32, body=chat(model=model))).statuses


def workers(way):
    supervisor = way.gate.process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    return [int(pid) for pid in children.split()]


def test_all_take_it_over_and_so_does_one_that_is_started_again(tmp_path):
    with road(tmp_path, NAMES) as way:
        assert asked(way, "relay") == {200: 32}
        reread(way, NAMES.replace("relay", "courier"), "taken")
        assert asked(way, "courier") == {200: 32}
        assert asked(way, "relay") == {404: 32}

        before = way.gate.stderr
        reread(way, NAMES.replace("relay", "pilot") + "limits: [{node: nowhere}]\n", "invalid")
        assert way.gate.stderr[len(before) :].count("the configuration stays as it was") == 1
        reread(way, NAMES + 'alerts: [{to: "https://[host"}]\n', "invalid")
        assert asked(way, "courier") == {200: 32}

        old = workers(way)
        os.kill(old[0], signal.SIGKILL)
        eventually(lambda: len(set(workers(way)) - set(old)) == 1 and way.metric("fareway_workers") == WORKERS)
        assert asked(way, "courier") == {200: 32}
        assert asked(way, "relay") == {404: 32}


def test_who_is_started_again_does_not_begin_with_what_the_others_refused(tmp_path):
    with road(tmp_path, NAMES) as way:
        reread(
            way, NAMES.replace("relay", "pilot").replace("models:", "  other: {kind: sim}\nmodels:"), "needs_restart"
        )
        old = workers(way)
        os.kill(old[0], signal.SIGKILL)
        eventually(lambda: len(set(workers(way)) - set(old)) == 1 and way.metric("fareway_workers") == WORKERS)
        assert asked(way, "relay") == {200: 32}
        assert asked(way, "pilot") == {404: 32}
