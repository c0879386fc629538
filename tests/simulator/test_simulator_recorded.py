"""Recorded answers come back as they were recorded."""

import base64
import json
import os
from pathlib import Path

import pytest
from simbench import events

SHARED = Path(os.environ.get("FAREWAY_SHARED", Path(__file__).parents[3] / "shared"))
RECORDED = SHARED / "data" / "recorded"


@pytest.fixture
def recordings(tmp_path):
    files = tmp_path / "recorded"
    files.mkdir()
    (files / "index.json").write_text("[]")
    (files / "a.json").write_bytes(b'{ "id": 1 }\n')
    (files / "b.sse").write_bytes(b'data: {"x": 1}\n\ndata: [DONE]\n\n')
    (files / "c.jsonl").write_bytes(b'{"x": 1}\n\n{"x": 2}\n')
    (files / "notes.md").write_text("secret")
    return files


@pytest.mark.parametrize(
    ("name", "content_type", "body"),
    [
        ("a.json", "application/json", b'{ "id": 1 }\n'),
        ("b.sse", "text/event-stream", b'data: {"x": 1}\n\ndata: [DONE]\n\n'),
        ("c.jsonl", "text/event-stream", b'data: {"x": 1}\n\ndata: {"x": 2}\n\ndata: [DONE]\n\n'),
    ],
)
async def test_bodies_come_back_untouched(simulate, recordings, name, content_type, body):
    async with simulate(recorded=recordings) as sim:
        for path in (f"/recorded/{name}/chat/completions", f"/recorded/{name}/embeddings"):
            async with sim.post(path=path) as answer:
                assert (answer.content_type, await answer.read()) == (content_type, body)
        assert sim.bill == []


@pytest.mark.parametrize("name", ["notes.md", "..%2Fbill.jsonl", "none.json"])
async def test_only_recordings_are_served(simulate, recordings, name):
    async with simulate(recorded=recordings) as sim, sim.post(path=f"/recorded/{name}/chat/completions") as answer:
        assert answer.status == 404


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"recorded answers are not at {RECORDED} (set FAREWAY_SHARED)")
async def test_every_shared_recording_is_served(simulate):
    listed = json.loads((RECORDED / "index.json").read_text())
    async with simulate(recorded=RECORDED) as sim:
        for name in (entry["file"] for entry in listed):
            async with sim.post(path=f"/recorded/{name}/chat/completions") as answer:
                raw = await answer.read()
                recorded = (RECORDED / name).read_bytes()
                assert answer.status == 200
                if b"raw_eventstream_b64" in recorded:
                    assert raw == base64.b64decode(json.loads(recorded)["raw_eventstream_b64"])
                elif name.endswith(".jsonl"):
                    lines = [line for line in recorded.decode().splitlines() if line.strip()]
                    assert events(raw) == [*lines, "[DONE]"]
                else:
                    assert raw == recorded
