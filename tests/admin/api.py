"""The admin API over a real socket."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 20


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: Any
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    @property
    def error(self) -> dict:
        """What is refused, in the one shape that refusals have."""
        assert self.status >= 400, self.raw
        found = self.body["error"]
        assert set(found) == {"code", "message", "param", "request_id"}
        assert found["request_id"] == self.headers["x-request-id"]
        return found


@dataclass(frozen=True)
class Api:
    """Asks with one key. `told` is what each change must be answered with."""

    url: str
    token: str

    @classmethod
    def of(cls, way, token):
        """The API of a gateway, once it has said where that is."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"admin API is at (http://\S+)", way.gate.stderr)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return cls(found[1], token)

    def by(self, token):
        """The same for somebody else."""
        return replace(self, token=token)

    def ask(self, method, path, body=None, *, headers=None, raw=None) -> Said:
        """Whatever comes back. A path that begins with http is asked as it stands."""
        parts = urlsplit(self.url)
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        shown = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        try:
            line.request(method, parts.path + path, data, {k: v for k, v in shown.items() if v is not None})
            answer = line.getresponse()
            return Said(answer.status, answer.headers, answer.read())
        finally:
            line.close()

    def get(self, path, status=200):
        return self.told("GET", path, None, status)

    def post(self, path, body=None, status=201):
        return self.told("POST", path, body, status)

    def patch(self, path, body, status=200):
        return self.told("PATCH", path, body, status)

    def put(self, path, body, status=200):
        return self.told("PUT", path, body, status)

    def delete(self, path, status=204):
        return self.told("DELETE", path, None, status)

    def told(self, method, path, body, status):
        """The body of an answer that must have this status; of a refusal, the error in it."""
        said = self.ask(method, path, body)
        assert said.status == status, said.raw
        return said.error if status >= 400 else said.body

    def all(self, path):
        """A whole list, page by page."""
        found, query = [], "?limit=2"
        while True:
            page = self.get(path + query)
            assert len(page["data"]) <= 2
            found += page["data"]
            if page["next"] is None:
                return found
            query = f"?limit=2&cursor={page['next'].replace('+', '%2B')}"

    def key(self, **said):
        """A new key: what is shown of it, and its token."""
        made = self.post("/keys", said)
        return made["key"], made["token"]


def calls(way, token, model="sim-small", **headers):
    """The status of a small call, and its error's code."""
    parts = urlsplit(way.url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20})
    try:
        line.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {token}"} | headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
        return answer.status, said.get("error", {}).get("code")
    finally:
        line.close()
