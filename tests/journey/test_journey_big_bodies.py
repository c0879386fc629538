"""A body of many megabytes is there twice at most: as it came, and as it leaves."""

import contextlib
import http.client
import json
import sys
from pathlib import Path

import harness
import pytest
from upstream import upstream

SIZE = 19_000_000
CONFIG = """
providers:
  vllm: {base_url: URL/vllm/v1}
models:
  big: {deployments: [vllm/other]}
"""


def memory(process, what):
    """Bytes, by Linux."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory that was ever used is told by Linux")
def test_a_big_body_is_not_copied_many_times(tmp_path):
    with upstream() as provider:
        gate = harness.gateway(tmp_path, CONFIG.replace("URL", provider.url))
        process = gate.process.pid

        def call(path, size, **more):
            picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * size}}
            body = {"model": "big", "messages": [{"role": "user", "content": [picture]}]} | more
            line = http.client.HTTPConnection(gate.url.removeprefix("http://"), timeout=60)
            with contextlib.closing(line):
                head = {"Authorization": f"Bearer {gate.tokens[1]}", "Content-Type": "application/json"}
                line.request("POST", path, json.dumps(body), head)
                answer = line.getresponse()
                assert answer.read()
                assert answer.status == 200
            assert len(provider.got["vllm"].pop().body) > size

        try:
            for path in ("/v1/chat/completions", "/vllm/v1/something"):
                call(path, 100)
                try:
                    Path(f"/proc/{process}/clear_refs").write_text("5")
                except OSError:
                    pytest.skip("the mark of the most memory cannot be set back here")
                before = memory(process, "VmRSS")
                call(path, SIZE)
                assert memory(process, "VmHWM") - before < 2.6 * SIZE
        finally:
            assert gate.stop() == 0
