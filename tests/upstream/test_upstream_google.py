"""Tokens for Vertex AI, had from a token server on loopback with the key file of a made-up service account."""

import asyncio
import base64
import json
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from google_account import ACCESS_TOKEN, EMAIL, key_file, token_server

from gateway.upstream.errors import Unreached
from gateway.upstream.google import AHEAD_S, SCOPE, USABLE_S, GoogleSigner
from gateway.upstream.signing import NoSigner

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Renewed:
    """Credentials that last an hour from each refresh, unless there is nothing to be had."""

    def __init__(self, clock):
        self.clock = clock
        self.token = None
        self.expiry = None
        self.threads = []
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def refresh(self, request):
        assert request == "transport"
        self.threads.append(threading.get_ident())
        self.gate.wait(10)
        if self.fails:
            raise ValueError("no route to the token server")
        self.token = f"token-{len(self.threads)}"
        self.expiry = (self.clock() + timedelta(hours=1)).replace(tzinfo=None)

    def apply(self, headers):
        headers["authorization"] = f"Bearer {self.token}"


class Way:
    def __init__(self):
        self.now = NOW
        self.credentials = Renewed(lambda: self.now)
        self.found = 0
        self.signer = GoogleSigner(self.find, lambda: "transport", lambda: self.now)

    def find(self):
        self.found += 1
        return self.credentials

    async def sign(self):
        return await self.signer.signed("https://x", {"a": "b"}, b"{}")

    def pass_until(self, left_s):
        self.now = NOW + timedelta(hours=1) - timedelta(seconds=left_s)


async def test_many_calls_at_once_share_one_refresh_off_the_loop():
    way = Way()
    signed = await asyncio.gather(*[way.sign() for _ in range(20)])
    assert signed == [{"a": "b", "authorization": "Bearer token-1"}] * 20
    assert len(way.credentials.threads) == way.found == 1
    assert threading.get_ident() not in way.credentials.threads
    way.pass_until(AHEAD_S)
    assert await way.sign() == signed[0]
    assert len(way.credentials.threads) == 1


async def test_a_token_is_renewed_ahead_beside_the_calls():
    way = Way()
    await way.sign()
    way.pass_until(AHEAD_S - 1)
    way.credentials.gate.clear()
    assert (await way.sign())["authorization"] == "Bearer token-1", "it does not wait"
    assert (await way.sign())["authorization"] == "Bearer token-1"
    way.credentials.gate.set()
    await way.signer._renewing
    assert (await way.sign())["authorization"] == "Bearer token-2"
    assert (len(way.credentials.threads), way.found) == (2, 1)


async def test_a_token_that_is_still_good_outlives_a_failure_and_one_that_is_not_does_not():
    way = Way()
    await way.sign()
    way.credentials.fails = True
    way.pass_until(USABLE_S + 1)
    assert (await way.sign())["authorization"] == "Bearer token-1"
    await way.signer._renewing
    way.pass_until(USABLE_S - 1)
    with pytest.raises(Unreached):
        await way.sign()
    way.credentials.fails = False
    assert (await way.sign())["authorization"].startswith("Bearer token-")


async def test_one_caller_that_leaves_does_not_end_the_refresh_of_others():
    way = Way()
    way.credentials.gate.clear()
    first, second = asyncio.create_task(way.sign()), asyncio.create_task(way.sign())
    await asyncio.sleep(0.01)
    first.cancel()
    way.credentials.gate.set()
    assert (await second)["authorization"] == "Bearer token-1"
    assert len(way.credentials.threads) == 1


async def test_a_token_that_never_expires():
    way = Way()
    await way.sign()
    way.credentials.expiry = None
    assert (await way.sign())["authorization"] == "Bearer token-1"
    assert len(way.credentials.threads) == 1


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(NoSigner, match=r"pip install 'fareway\[google\]'"):
        GoogleSigner.default()


async def test_a_service_account_proves_who_it_is_and_gets_a_token(tmp_path, monkeypatch):
    pytest.importorskip("google.auth", reason="google-auth is in the extra fareway[google]")
    with token_server() as (url, asked):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file(tmp_path, url)))
        signer = GoogleSigner.default()
        for _ in range(2):
            signed = await signer.signed("https://us-central1-aiplatform.googleapis.com/v1", {"a": "b"}, b"")
            assert signed == {"a": "b", "authorization": f"Bearer {ACCESS_TOKEN}"}
    (form,) = asked
    claims = form["assertion"][0].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (said["iss"], said["scope"]) == (EMAIL, SCOPE)
