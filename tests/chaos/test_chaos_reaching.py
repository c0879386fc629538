"""S5, over sockets: what one key has made at a provider or here is there for its own tenant alone.

Responses, calls for later, files, batches, requests and the feedback on them, lists, and the live feed.
"""

import asyncio
import itertools
import json

import aiohttp
import harness
from batch_provider import KEY, batch_provider, lines
from many_teams import keys_of
from road import assert_in_order

PATIENCE = aiohttp.ClientTimeout(total=60)
CHAT = "/v1/chat/completions"
CONFIG = """
providers:
  sim: {kind: sim}
  openai: {base_url: "URL", key: "${file:SECRET}"}
models:
  mini: {deployments: [openai/gpt-4o-mini]}
deferred: {batch: 1s, collect: 500ms}
"""


class Owner:
    """One key's things, and what its holder is answered with about those of others."""

    def __init__(self, session, url, token):
        self.session, self.url, self.head = session, url, {"Authorization": f"Bearer {token}"}

    async def ask(self, method, path, body=None, **headers):
        data = body if isinstance(body, bytes | aiohttp.FormData | None) else json.dumps(body)
        shown = self.head | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, data=data, headers=shown) as answer:
            return answer.status, answer.headers, await answer.read()

    async def things(self):
        """One of each kind that a caller can make."""
        chat = {"model": "mini", "max_completion_tokens": 50, "messages": [{"role": "user", "content": "The same"}]}
        _, head, _ = await self.ask("POST", CHAT, chat, Idempotency_Key="mine")
        _, _, response = await self.ask("POST", "/v1/responses", {"model": "sim-small", "input": "The same"})
        status, _, later = await self.ask("POST", CHAT, chat, x_fareway_deadline="2h", Idempotency_Key="later")
        assert status == 202, later
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", lines("The same"), filename="x.jsonl")
        _, _, file = await self.ask("POST", "/v1/files", form)
        wanted = {"endpoint": CHAT, "completion_window": "24h", "input_file_id": json.loads(file)["id"]}
        _, _, batch = await self.ask("POST", "/v1/batches", wanted)
        made = {name: json.loads(said)["id"] for name, said in
                (("response", response), ("later", later), ("file", file), ("batch", batch))}  # fmt: skip
        return made | {"request": head["x-fareway-request-id"]}


def reaches(thing):
    """Every way to somebody else's things; changes last."""
    response, later, batch, file = (thing[name] for name in ("response", "later", "batch", "file"))
    for path in (f"/v1/requests/{thing['request']}", f"/v1/requests/{later}", f"/v1/requests/{later}/answer",
                 f"/v1/requests/{later}-1", f"/v1/requests/{response}",
                 f"/v1/responses/{response}", f"/v1/responses/{response}/input_items", f"/sim/v1/responses/{response}",
                 f"/v1/files/{file}", f"/v1/files/{file}/content", f"/openai/v1/files/{file}", f"/v1/batches/{batch}",
                 f"/openai/v1/batches/{batch}", f"/v1/batches?after={batch}"):  # fmt: skip
        yield "GET", path, None
    for name in ("request", "later"):
        yield "POST", "/v1/feedback", {"request_id": thing[name], "score": 0}
    yield "POST", "/v1/responses", {"model": "sim-small", "input": "And?", "previous_response_id": response}
    yield "POST", "/v1/batches", {"endpoint": CHAT, "completion_window": "24h", "input_file_id": file}
    yield "POST", f"/v1/batches/{batch}/cancel", None
    yield "POST", f"/v1/responses/{response}/cancel", None
    for path in (f"/v1/files/{file}", f"/v1/responses/{response}", f"/v1/requests/{later}"):
        yield "DELETE", path, None


async def live(session, url, token, told):
    """The live feed of one key goes into `told`, for as long as somebody waits for it."""
    async with session.get(f"{url}/live", headers={"Authorization": f"Bearer {token}"}) as feed:
        async for line in feed.content:
            if line.startswith(b"data:"):
                told.append(json.loads(line[5:]))


async def tried(url, keys):
    """What of others' things was given to anybody, how often that was tried, and what one heard of calls."""
    crossed, count, told = [], 0, []
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        listening = asyncio.create_task(live(session, url, keys[0][1], told))
        owners = [(team, Owner(session, url, token)) for team, token, _ in keys]
        things = [(team, await owner.things()) for team, owner in owners]
        for (team, owner), (whose, thing) in itertools.product(owners, things):
            for method, path, body in reaches(thing) if team != whose else ():
                status, _, said = await owner.ask(method, path, body)
                count += 1
                if status < 300:
                    crossed.append((method, path, status, said[:100].decode(errors="replace")))
            for path in ("/v1/files", "/v1/batches") if team != whose else ():
                _, _, said = await owner.ask("GET", path)
                count += 1
                crossed += [("GET", path, name) for name in thing.values() if f'"{name}"'.encode() in said]
        stand = [
            (await owner.ask("GET", path))[0]
            for (_, owner), (_, thing) in zip(owners, things, strict=True)
            for path in (
                f"/v1/responses/{thing['response']}",
                f"/v1/requests/{thing['later']}",
                f"/v1/files/{thing['file']}",
            )
        ]
        listening.cancel()
    return crossed, count, stand, told


def test_nobody_reaches_what_is_another_s(tmp_path, shown, full):
    (tmp_path / "secret").write_text(KEY)
    with batch_provider() as provider:
        config = CONFIG.replace("URL", provider.url).replace("SECRET", str(tmp_path / "secret"))
        gate = harness.gateway(tmp_path / "gate", config)
        try:
            keys = keys_of(gate, 2 if full else 1)
            crossed, count, stand, told = asyncio.run(tried(gate.url, keys))
            assert_in_order(gate.stderr)
        finally:
            gate.stop()
    assert set(stand) == {200}, "the owner's own things are there, and nobody has deleted them"
    assert told, "else the feed was not heard"
    crossed += [("live", event["key_id"]) for event in told if event["key_id"] != keys[0][2]]
    figure = f"{len(crossed)} crossings in {count:,} tries and {len(told)} live events of {len(keys)} keys"
    shown("S5", "reaching for what another has made", figure, target="0 crossings", met=not crossed, crossed=crossed)
