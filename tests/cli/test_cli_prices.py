"""`fareway prices`: what it prints, what it stores, and with which code it ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import threading
import time
import types
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from harness import ROOT
from ledger.entries import entry

from gateway.cli.main import main
from gateway.cli.prices import sources
from gateway.core.entry import Part
from gateway.core.price import UNPRICED
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger
from gateway.prices.stored import Shelf, Slot

BUNDLED = gzip.decompress((ROOT / "gateway/prices/prices.json.gz").read_bytes())
CONFIG = 'providers: {openai: {key: "${OPENAI_API_KEY}"}}\nmodels: {mini: {deployments: [openai/gpt-4o-mini]}}\n'


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


HUNT = "provider,instance_name,location,price,gpu_name,gpu_count,gpu_memory,spot\n"
SKY = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Region,Price,SpotPrice\n"


def feed(input_price=0.15, provider="openai", model="gpt-4o-mini"):
    """The snapshot with another input price for a model."""
    providers = json.loads(BUNDLED)
    (of,) = [p for p in providers if p["id"] == provider]
    (one,) = [m for m in of["models"] if m["id"] == model]
    one["prices"]["input_mtok"] = input_price
    return json.dumps(providers).encode()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, with one model configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    (tmp_path / "fareway.yaml").write_text(CONFIG)
    return tmp_path / "home"


@pytest.fixture
def prices(home, capsys):
    """Runs `fareway prices …`."""

    def run(*arguments):
        status = main(["prices", *map(str, arguments)])
        return Done(status, *capsys.readouterr())

    return run


def table(done):
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_list_tells_the_feed_and_the_rates(prices):
    """Of a provider; and without one, how many models each has."""
    told = table(prices("list", "openai", "--format", "json"))
    assert told["feed"] == {
        "id": "genai-prices-0.2.3",
        "date": "2026-11-10",
        "pinned": False,
        "pinned_until": None,
        "quarantined": [],
        "waiting": None,
    }
    (mini,) = [row for row in told["models"] if row["model"] == "gpt-4o-mini"]
    assert (mini["input_usd"], mini["output_usd"], mini["cache_read_usd"]) == ("0.15", "0.60", "0.075")
    counts = {row["provider"]: row["models"] for row in table(prices("list", "--format", "json"))["providers"]}
    assert counts["openai"] == len(told["models"])
    assert "gpt-4o-mini" in prices("list", "openai").out
    assert prices("list", "openai", "--format", "csv").out.startswith("model,input_usd,")


def test_list_of_exceptions(prices):
    """The rates that had to be rounded up, what is published and what is charged."""
    rows = table(prices("list", "--exceptions", "--format", "json"))["exceptions"]
    assert {"provider", "model", "unit", "published_usd", "charged_usd", "reason"} == rows[0].keys()
    counted = [row for row in rows if row["charged_usd"] is not None]
    assert all(float(row["charged_usd"]) > float(row["published_usd"]) for row in counted)
    assert 0 < len(counted) < len(rows)
    assert table(prices("list", "anthropic", "--exceptions", "--format", "json"))["exceptions"] == []


def test_show_tells_where_a_price_is_from(prices):
    """Entry, window, limits, and each rate of each tier in words."""
    told = table(prices("show", "openai/gpt-4o-mini", "--at", "2026-11-01", "--format", "json"))
    assert told["at"] == "2026-11-01T00:00:00Z"
    assert told["price"].startswith("genai-prices-0.2.3/openai/gpt-4o-mini@")
    assert (told["entry"], told["own"], told["until"]) == ("openai/gpt-4o-mini", True, None)
    assert told["since"] <= told["at"]
    rates = {(row["tier"], row["rate"]): (row["usd"], row["per"]) for row in told["rates"]}
    assert rates["standard", "input"] == ("0.15", "1M tokens")
    assert rates["batch", "input"] == ("0.075", "1M tokens")
    assert rates["standard", "request"] == ("0.00", "call")
    assert rates["standard", "web_searches"] == ("10.00", "1K web_searches")
    assert "input             0.15   1M tokens" in prices("show", "openai/gpt-4o-mini").out
    banded = table(prices("show", "google/gemini-2.5-pro", "--format", "json"))["rates"]
    assert {row["above_tokens"] for row in banded} == {0, 200_000}
    before = table(prices("show", "openai/gpt-4o-mini", "--at", "2026-10-01", "--format", "json"))
    assert before["until"] <= told["since"]


def test_a_provider_of_the_configuration_has_the_prices_of_its_kind(prices, tmp_path):
    """Its calls are charged by them, whatever it is called there."""
    (tmp_path / "fareway.yaml").write_text('providers: {second: {kind: openai, key: "${OPENAI_API_KEY}"}}\n')
    rates = [table(prices("show", f"{name}/gpt-4o-mini", "--format", "json")) for name in ("openai", "second")]
    assert rates[0]["rates"] == rates[1]["rates"]
    lists = [table(prices("list", name, "--format", "json"))["models"] for name in ("openai", "second")]
    assert lists[0] == lists[1] != []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["show", "gpt-4o-mini"], 1, "provider/model"),
        (["show", "openai/nope"], 3, "no price is known"),
        (["show", "openai/gpt-4o-mini", "--at", "soon"], 1, "not a date"),
        (["list", "nobody"], 3, "no model"),
        (["diff", "quarantined"], 3, "no quarantined prices"),
        (["diff", "nowhere.json"], 1, "cannot read nowhere.json"),
        (["diff", "fareway.yaml"], 1, "fareway.yaml: the price feed is not readable"),
        (["update", "--feed", "nowhere.json"], 1, "cannot read nowhere.json"),
        (["approve"], 3, "no price feed waits"),
        (["approve", "--gpus"], 3, "no GPU prices wait"),
        (["approve", "--gateway", "ftp://x"], 1, "$FAREWAY_KEY"),
        (["unpin"], 3, "no prices are pinned"),
        (["pin", "--until", "2020-01-01"], 1, "is over"),
        (["verify", "--table", "fareway.yaml"], 1, "fareway.yaml: the table is not readable"),
        (["verify", "--table", "x", "--threshold", "101"], 1, "percent"),
        (["propose", "--gpus", "fareway.yaml"], 1, "nothing is proposed"),
        (["propose", "--gpus", "nowhere.csv"], 1, "cannot read nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(prices, arguments, status, said):
    done = prices(*arguments)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_wrong_usage_ends_with_2(prices):
    with pytest.raises(SystemExit) as ended:
        prices("prise")
    assert ended.value.code == 2


def test_an_update_is_kept_and_told(prices, tmp_path):
    """From a file; the next command sees it, the same again is unchanged, and a diff knows both sides."""
    (tmp_path / "new.json").write_bytes(feed(0.3))
    told = table(prices("update", "--feed", "new.json", "--format", "json"))
    assert (told["status"], told["reasons"]) == ("accepted", [])
    shown = table(prices("show", "openai/gpt-4o-mini", "--format", "json"))
    assert shown["price"].startswith(told["feed"])
    assert table(prices("update", "--feed", "new.json", "--format", "json"))["status"] == "unchanged"
    for arguments in ([], ["bundled", "accepted"], ["bundled", "new.json"], ["--provider", "openai"]):
        rows = table(prices("diff", *arguments, "--format", "json"))
        (row,) = [row for row in rows if row["rate"] == "input" and row["model"] == "gpt-4o-mini"]
        assert (row["before_usd"], row["after_usd"], row["change"]) == ("0.15", "0.30", "+100.0%")
        assert {row["model"] for row in rows} == {"gpt-4o-mini", "gpt-4o-mini-search-preview"}  # Amended by us.
    assert rows == [row for row in told["changes"] if row["model"].startswith("gpt-4o-mini")]
    assert table(prices("diff", "--provider", "groq", "--format", "json")) == []


def test_a_diff_of_two_days(prices):
    rows = table(
        prices("diff", "--from", "2026-10-01", "--to", "2026-11-01", "--provider", "openai", "--format", "json")
    )
    assert rows
    same = table(prices("diff", "--from", "2026-11-01", "--to", "2026-11-01", "--format", "json"))
    assert same == []


def test_a_suspicious_feed_waits_for_a_yes(prices, tmp_path):
    """A price in use moves too far: 4, nothing changes, `list` says so; then somebody says yes."""
    (tmp_path / "far.json").write_bytes(feed(30))
    done = prices("update", "--feed", "far.json", "--format", "json")
    assert done.status == 4
    told = json.loads(done.out)
    assert told["status"] == "quarantined"
    assert "openai/gpt-4o-mini.input moves" in told["reasons"][0]
    assert f"waits for a yes (`fareway prices approve {told['feed']}`)" in prices("list").out
    other = prices("approve", "genai-prices-live-000000000000")
    assert (other.status, f"another feed waits for a yes: {told['feed']}" in other.err) == (4, True)
    assert table(prices("list", "--format", "json"))["feed"]["quarantined"] == told["reasons"]
    assert table(prices("show", "openai/gpt-4o-mini", "--format", "json"))["price"].startswith("genai-prices-0.2.3/")
    assert table(prices("approve", told["feed"], "--format", "json")) == {"approved": True, "feed": told["feed"]}
    assert table(prices("show", "openai/gpt-4o-mini", "--format", "json"))["rates"][0]["usd"] == "30.00"
    assert prices("approve").status == 3


def test_a_pin_holds(prices, tmp_path, home):
    """It refuses updates and approvals, keeps the feed's own bytes, and ends when somebody says so."""
    (tmp_path / "new.json").write_bytes(feed(0.3))
    assert prices("update", "--feed", "new.json").status == 0
    (tmp_path / "far.json").write_bytes(feed(30))
    assert prices("update", "--feed", "far.json").status == 4
    pinned = table(prices("pin", "--until", "30d", "--format", "json"))
    (home / "prices" / "accepted.feed").unlink()
    assert prices("update", "--feed", "new.json").status == 4
    assert prices("approve").status == 4
    told = table(prices("list", "--format", "json"))["feed"]
    assert (told["id"], told["pinned_until"]) == (pinned["pinned"], pinned["until"])
    assert "Pinned until" in prices("list").out
    assert table(prices("show", "openai/gpt-4o-mini", "--format", "json"))["rates"][0]["usd"] == "0.30"
    assert prices("pin").status == 0
    assert "until somebody unpins" in prices("list").out
    assert table(prices("unpin", "--format", "json")) == {"pinned": None}
    assert table(prices("list", "--format", "json"))["feed"]["id"] == "genai-prices-0.2.3"
    assert prices("pin", "--format", "csv").out == "pinned,until\r\ngenai-prices-0.2.3,\r\n"
    assert Shelf(home).read(Slot.PINNED).feed.digest


@pytest.mark.parametrize("content", [b"", b"[]", b"{", BUNDLED[:-100], b"<html>", b"\xff\xfe"])
def test_a_bad_feed_changes_nothing(prices, tmp_path, home, content):
    """Empty, absurd, cut off, no feed at all. An empty list is a feed that has lost everything: it waits."""
    (tmp_path / "bad.json").write_bytes(content)
    done = prices("update", "--feed", "bad.json")
    assert done.status == (4 if content == b"[]" else 1)
    assert len(done.err.splitlines()) == (0 if content == b"[]" else 1)
    assert Shelf(home).read(Slot.ACCEPTED) is None


@contextmanager
def server(respond):
    """An HTTP server that does this to whoever asks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            respond(self)

        def do_POST(self):
            respond(self)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def answering(body, status=200, length=None):
    def respond(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.send_header("ETag", '"e1"')
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def dripping(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return
        time.sleep(0.05)


def test_a_feed_over_http_with_its_etag(prices, home):
    with server(answering(feed(0.3))) as url:
        assert prices("update", "--feed", url).status == 0
    assert Shelf(home).heading(Slot.ACCEPTED).etag == '"e1"'
    assert Shelf(home).heading(Slot.ACCEPTED).source == url


@pytest.mark.parametrize(
    ("respond", "said"),
    [
        (answering(b"no", 500), "answered 500"),
        (answering(b"["), "not readable"),
        (answering(BUNDLED[:1000], length=len(BUNDLED)), "cannot read"),
        (answering(b" " * 300_000), "larger"),
        (dripping, "after"),
    ],
)
def test_a_bad_server_changes_nothing(prices, home, monkeypatch, respond, said):
    """An error, garbage, a cut answer, a huge one, and one that never ends."""
    monkeypatch.setattr(sources, "LARGEST_BODY", 200_000)
    monkeypatch.setattr(sources, "PATIENCE_S", 0.5)
    with server(respond) as url:
        done = prices("update", "--feed", url)
    assert done.status == 1
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not (home / "prices").exists()


def test_a_running_gateway_is_asked_to_approve(prices, monkeypatch):
    """With the admin's key of the environment; what it refuses is said."""
    asked, waiting = [], {"waiting": True, "id": "live-1", "sha256": "5a"}

    def respond(handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        asked.append((handler.command, handler.path, handler.headers["Authorization"], body))
        told = waiting if handler.command == "GET" else {"approved": True}
        answering(json.dumps(told).encode())(handler)

    monkeypatch.setenv("FAREWAY_KEY", "k")
    with server(respond) as url:
        assert prices("approve", "live-1", "--gateway", url).status == 0
        assert [one[:3] for one in asked] == [
            ("GET", "/admin/v1/prices/quarantine", "Bearer k"),
            ("POST", "/admin/v1/prices/approve", "Bearer k"),
        ]
        assert json.loads(asked[1][3]) == {"sha256": "5a"}
        assert "live-1" in prices("approve", "--gateway", url + "/").out
        assert prices("approve", "live-0", "--gateway", url).status == 4
        waiting["waiting"] = False
        assert prices("approve", "--gateway", url).status == 3
    assert [one[0] for one in asked] == ["GET", "POST", "GET", "POST", "GET", "GET"]
    with server(answering(b"{}", 403)) as url:
        done = prices("approve", "--gateway", url)
    assert (done.status, "403" in done.err) == (1, True)


def test_verify_compares_with_another_table(prices, tmp_path):
    """Counts by provider, the differences, and an exit code by their share."""
    entry = {"litellm_provider": "openai", "mode": "chat", "output_cost_per_token": 6e-07}
    path = tmp_path / "table.json"
    path.write_text(
        json.dumps(
            {"gpt-4o-mini": entry | {"input_cost_per_token": 1.5e-07}, "openai/gpt-4o-mini": entry, "gpt-0": entry}
        )
    )
    told = table(prices("verify", "--table", path, "--format", "json"))
    assert (told["compared"], told["different"], told["good"], told["differences"]) == (2, 0, True, [])
    assert told["providers"][0] | {"rates": 3, "missing": 1} == told["providers"][0]
    path.write_text(json.dumps({"gpt-4o-mini": entry, "gpt-4o": entry}))
    assert prices("verify", "--table", path, "--threshold", "50").status == 0
    done = prices("verify", "--table", path, "--threshold", "49", "--differences")
    assert done.status == 1
    assert "1 of 2 models compared differ" in done.out
    assert [word in done.out for word in ("gpt-4o ", "10.00", "0.6")] == [True] * 3
    assert prices("verify", "--table", path, "--provider", "groq").status == 3


def test_gpu_prices_are_proposed_and_approved(prices, tmp_path):
    """A list of gpuhunt's, then one of SkyPilot's; a leap is told and waits all the same."""
    (tmp_path / "hunt.csv").write_text(HUNT + "runpod,H100-1,EU,2.39,H100,1,80,False\n")
    told = table(prices("propose", "--gpus", "hunt.csv", "--format", "json"))
    assert (told["offers"], told["reasons"]) == (1, [])
    assert told["changes"][0] | {"before_usd": None, "after_usd": "2.39", "change": "new"} == told["changes"][0]
    assert table(prices("approve", "--gpus", "--format", "json")) == {"approved": True, "offers": 1, "day": told["day"]}
    (tmp_path / "vms.csv").write_text(
        SKY + "p5.48xlarge,H100,8,192,2048,,us-east-1,98.32,30.1\nt3.nano,,,2,1,,us-east-1,0.01,\n"
    )
    assert "2 offers wait" in prices("propose", "--gpus", "vms.csv", "--provider", "aws").out
    assert "3 offers" in prices("approve", "--gpus").out
    rows = [{"provider": "runpod", "instance_name": "H100-1", "location": "EU", "price": 23.9, "gpu_name": "H100"}]
    (tmp_path / "far.json").write_text(json.dumps([rows[0] | {"gpu_count": 1, "gpu_memory": 80, "spot": False}]))
    done = prices("propose", "--gpus", "far.json")
    assert done.status == 4
    assert "more than 3-fold" in done.out
    assert prices("approve", "--gpus", "--format", "csv").status == 0


def test_gpuhunt_itself_may_be_asked(prices, monkeypatch):
    """If it is installed; whatever it raises is one line."""

    @dataclass
    class Item:
        provider: str = "vastai"
        instance_name: str = "1"
        location: str = "x"
        price: float = 0.5
        gpu_name: str = "L4"
        gpu_count: int = 1
        gpu_memory: float = 24.0
        spot: bool = True

    monkeypatch.setitem(sys.modules, "gpuhunt", types.SimpleNamespace(query=lambda **_: [Item()]))
    told = table(prices("propose", "--gpus", "gpuhunt", "--format", "json"))
    assert (told["changes"][0]["spot"], told["changes"][0]["after_usd"]) == (True, "0.50")
    monkeypatch.setitem(sys.modules, "gpuhunt", types.SimpleNamespace(query=lambda **_: 1 / 0))
    assert "ZeroDivisionError" in prices("propose", "--gpus", "gpuhunt").err
    monkeypatch.setitem(sys.modules, "gpuhunt", None)
    assert "not installed" in prices("propose", "--gpus", "gpuhunt").err


@pytest.mark.parametrize(
    ("jumps", "called"),
    [
        ("openai/gpt-4o-mini", {"model": "gpt-4o-mini"}),
        ("mistral/mistral-large-2512", {"model": "mistral-large-latest", "served_model": "mistral-large-2512"}),
        ("anthropic/claude-haiku-4-5", {"model": "m", "parts": (Part(Usage(), UNPRICED, "claude-haiku-4-5"),)}),
    ],
)
def test_the_price_in_use_is_known_from_the_ledger_too(home, tmp_path, prices, jumps, called):
    """A model that nobody configured, but somebody called lately, must not jump either: nor one that an alias stood
    for, or that a part of a call ran on."""
    (tmp_path / "fareway.yaml").write_text('providers: {openai: {key: "${OPENAI_API_KEY}"}}\n')
    provider, _, model = jumps.partition("/")
    (tmp_path / "far.json").write_bytes(feed(1000, provider, model))
    home.mkdir()
    ledger = SqliteLedger(home / "ledger.db")
    asyncio.run(ledger.record([entry("r1.1", at=time.time(), provider=provider, cost=UNPRICED, **called)]))
    ledger.close()
    done = prices("update", "--feed", "far.json", "--format", "json")
    assert (done.status, f"{jumps}.input moves" in done.out) == (4, True)
