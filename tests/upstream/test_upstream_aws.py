"""Signatures for Bedrock: a server takes them for the path as it is sent, and nothing waits on the event loop."""

import asyncio
import sys
import threading

import pytest
from aws_account import SECRET, refusal

from gateway.upstream.aws import FRESH_S, USABLE_S, AwsSigner, signature
from gateway.upstream.errors import Unreached
from gateway.upstream.signing import NoSigner
from gateway.upstream.target import target

Credentials = pytest.importorskip("botocore.credentials", reason="botocore is in the dev extra").Credentials

HOST = "http://bedrock-runtime.us-east-1.amazonaws.com"
URL = f"{HOST}/model/us.amazon.nova-micro-v1%3A0/converse"
KEYS = Credentials("AKID", SECRET, "a-session")


class Way:
    """A signer whose clock and credentials are ours."""

    def __init__(self, **options):
        self.now = 0.0
        self.found = 0
        self.threads = []
        self.fails = False
        self.gone = False
        self.gate = threading.Event()
        self.gate.set()
        self.signer = AwsSigner(self.find, self.sign, "us-east-1", lambda: self.now, **options)

    def find(self):
        self.found += 1
        return None if self.gone else self

    def get_frozen_credentials(self):
        self.threads.append(threading.get_ident())
        assert self.gate.wait(10)
        if self.fails:
            raise ValueError("no route to the token server")
        return f"keys-{len(self.threads)}"

    def sign(self, credentials, region, asked, headers, body):
        self.signed = (*asked, dict(headers), body)
        return {"Authorization": f"{credentials} {region}"}

    async def ask(self, url=URL, **headers):
        return await self.signer.signed(url, headers, b"{}")


async def test_credentials_are_looked_for_once_and_in_a_thread():
    way = Way()
    given = await asyncio.gather(*(way.ask() for _ in range(5)))
    assert given == [{"authorization": "keys-1 us-east-1"}] * 5
    assert way.found == len(way.threads) == 1
    assert way.threads[0] != threading.get_ident()


async def test_they_are_looked_at_again_beside_the_calls():
    way = Way()
    await way.ask()
    way.now = FRESH_S + 1
    way.gate.clear()
    assert await way.ask() == {"authorization": "keys-1 us-east-1"}, "nobody waits"
    way.gate.set()
    await way.signer._looking
    assert await way.ask() == {"authorization": "keys-2 us-east-1"}
    assert way.found == 1


async def test_old_ones_are_waited_for():
    way = Way()
    await way.ask()
    way.now = USABLE_S + 1
    assert await way.ask() == {"authorization": "keys-2 us-east-1"}


async def test_a_failure_to_renew_matters_only_once_they_are_old(caplog):
    way = Way()
    await way.ask()
    way.fails, way.now = True, FRESH_S + 1
    assert await way.ask()
    await way.signer._looking
    way.now = USABLE_S + 1
    with pytest.raises(Unreached, match="no credentials"):
        await way.ask()
    assert "no route" in caplog.text
    way.fails = False
    assert await way.ask()


async def test_without_credentials_nothing_is_sent():
    way = Way()
    way.gone = True
    with pytest.raises(Unreached, match="were not found"):
        await way.ask()
    way.gone = False
    assert await way.ask()


async def test_a_caller_that_leaves_does_not_stop_the_search():
    way = Way()
    way.gate.clear()
    asking = asyncio.create_task(way.ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    way.gate.set()
    assert await way.ask() == {"authorization": "keys-1 us-east-1"}


async def test_only_what_must_be_signed_is():
    way = Way()
    ours = {"content-type": "application/json", "x-amz-x": "1", "accept": "x", "x-amzn-bedrock-trace": "ENABLED"}
    given = await way.ask(**ours)
    assert given == ours | {"authorization": "keys-1 us-east-1"}
    assert way.signed == ("POST", URL, {"content-type": "application/json", "x-amz-x": "1"}, b"{}")


def test_without_botocore_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(NoSigner, match=r"pip install 'fareway\[aws\]'"):
        AwsSigner.default("us-east-1")


PATHS = [
    "/model/us.amazon.nova-micro-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x-v1%3A0/converse-stream",
    "/model/a%20b%25%2F%C3%BC~-._/invoke",
    "/prefix/model/x/converse",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("keys", [KEYS, Credentials("AKID", SECRET)])
@pytest.mark.parametrize("host", [HOST, "https://vpce-1.example.com:8443", "http://127.0.0.1:80", "https://[::1]"])
async def test_a_server_takes_the_signature_for_the_path_as_it_is_sent(path, keys, host):
    """Whoever verifies sees the request line and the headers, and nothing that we knew while signing."""
    signer = AwsSigner(lambda: Found(keys), signature, "eu-west-1")
    headers = await signer.signed(host + path, {"content-type": "application/json", "accept": "*/*"}, b'{"a":1}')
    origin, sent = target(host + path)
    told = {"host": origin.authority, **{name.lower(): value for name, value in headers.items()}}
    assert sent == path
    assert refusal(sent, told, b'{"a":1}', region="eu-west-1", token=keys.token) is None
    assert refusal(sent, told, b'{"a":2}', region="eu-west-1", token=keys.token) is not None
    assert refusal(sent.replace("%3A", ":") + "x", told, b'{"a":1}', region="eu-west-1", token=keys.token) is not None
    assert refusal(sent, told, b'{"a":1}', region="us-east-1", token=keys.token) is not None


async def test_the_method_is_signed_too():
    signer = AwsSigner(lambda: Found(KEYS), signature, "eu-west-1")
    headers = await signer.signed(f"{HOST}/async-invoke?maxResults=5", {}, b"", "GET")
    told = {"host": target(HOST).origin.authority, **{name.lower(): value for name, value in headers.items()}}
    checked = {"region": "eu-west-1", "token": KEYS.token}
    assert refusal("/async-invoke?maxResults=5", told, b"", **checked, method="GET") is None
    assert refusal("/async-invoke?maxResults=5", told, b"", **checked) is not None


class Found:
    def __init__(self, keys):
        self.keys = keys

    def get_frozen_credentials(self):
        return self.keys.get_frozen_credentials()


async def test_the_chain_starts_with_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    headers = await AwsSigner.default("us-east-1").signed(URL, {}, b"")
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    told = {"host": target(URL).origin.authority, **{name.lower(): value for name, value in headers.items()}}
    assert refusal(target(URL).path, told, b"", region="us-east-1", token=None) is None
