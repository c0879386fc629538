"""`fareway plan`: what it prints, also from a ledger, and with which code it ends."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from typing import NamedTuple
from xml.etree import ElementTree as ET

import msgspec
import pytest
from charges import entry, flat
from harness import ROOT

from gateway.cli.main import main
from gateway.cli.plan import picture
from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus, Price, Schedule
from gateway.core.usage import Usage
from gateway.ledger.sqlite import SqliteLedger
from gateway.plans.svg import round_up, short

DAY = 86_400
NOW = 1_794_398_400.0  # Noon of 2026-11-11.
LIMITS = """
limits:
  - {node: all, amount: 1000000 usd, window: month}
  - {node: "team:*", amount: 40 usd, window: lifetime}
  - {node: team:red, amount: 5000 usd, window: lifetime}
  - {node: "team:blue model:big", amount: 200 usd, window: lifetime}
  - {node: "tag:x", amount: 220 usd, window: month}
  - {node: all, amount: 100 usd, window: rolling 10d}
  - {node: all, amount: 1 usd, window: rolling 5h}
  - {node: all, amount: 1000 tokens, window: month}
"""
PRICES = {"big": Price("big@1", Schedule(flat(10**7))), "small": Price("small@1", Schedule(flat(10**6)))}

TEAMS = [("red", "big"), ("blue", "small")]
ALLOCATION = ["allocation", "--initial=5000", "--retraining=1000", "--every=3", "--requests=500000"]
ALLOCATION += ["--request-cost=0.0002"]


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def told(self):
        assert self.status == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Runs `fareway plan …` in a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.setattr(time, "time", lambda: NOW)

    def run(*arguments):
        try:
            status = main(["plan", *map(str, arguments)])
        except SystemExit as ended:  # As argparse ends for wrong usage.
            status = ended.code
        return Done(status, *capsys.readouterr())

    return run


def call(number, team, model, days_ago, **more):
    price, usage = PRICES[model], Usage(input=900_000, output=100_000)
    at = (NOW // DAY - days_ago) * DAY + 1
    plain = {"id": f"r{number}.1", "request_id": f"r{number}", "at": at, "cost": price.of(usage), "usage": usage}
    plain |= {"caller": Caller("k", "org", team, "u", ("x",)), "model": model, "duration_ms": 2000}
    return entry(**plain | more)


def write_down(home, calls):
    async def written():
        kept = SqliteLedger(home / "ledger.db")
        await kept.note(list(PRICES.values()))
        await kept.record(calls)
        kept.close()

    asyncio.run(written())


@pytest.fixture
def ledger(tmp_path):
    """Twenty days: ten dollars a day of team red's at `big`, a dollar of blue's at `small`, one call on own GPUs."""
    calls = [call(f"{days}-{team}", team, model, days) for days in range(1, 21) for team, model in TEAMS]
    own = {"provider": "vllm", "selfhosted": True, "cost": Cost(Money.usd("0.5"), CostStatus.EXACT)}
    calls.append(call("own", "red", "small", 3, **own))
    calls.append(call("dark", "", "small", 3, cost=Cost(None, CostStatus.UNPRICED)))
    write_down(tmp_path, calls)


@pytest.mark.parametrize(
    ("arguments", "figures"),
    [
        (
            ["training", "--params", "7B", "--dataset", "50", "--epochs", "3", "--gpus", "4", "--hours", "12"],
            {"compute_usd": "85.008", "total_usd": "93.080833333333"},
        ),
        (["scaling", "--params", "7B", "--tokens", "1T"], {"total_usd": "72842.93899561847"}),
        (["scaling", "--params", "7B", "--tokens", "1T", "--mfu", "80%"], {"gpu_hours": 14745.534209639}),
        (["request"], {"requests_per_dollar": 122060, "request_usd": "0.000008192708"}),
        (
            ["breakeven", "--price", "0.0004"],
            {"break_even_requests_a_month": 92105263, "break_even_requests_a_day": 3070175, "advice": "API"},
        ),
        (["breakeven", "--price", "0.0001"], {"break_even_requests_a_month": None, "break_even_requests_a_day": None}),
        (
            ALLOCATION,
            {"total_usd": "10200.00", "training_share": 0.882352941, "per_request_usd": "0.0017"},
        ),
        (["optimizations", "--current", "10000", "--target", "1000"], {"left_usd": "1000.00", "reached": "yes"}),
        (["optimizations", "--current", "10", "--target", "1", "--ceiling", "low"], {"reached": "no"}),
        (["optimizations", "--current", "10", "--target", "10"], {"reached": "yes", "left_usd": "10.00"}),
        (["decide", "--data", "much", "--quality-critical"], {"model": "full training", "serving": "self-host"}),
        (["gpus", "--params", "7B", "--bits", "4"], {"cheapest": "1 x T4", "latency_target_ms": 5000}),
        (["gpus", "--params", "1T", "--latency", "1ms"], {"cheapest": None}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_figures_without_a_ledger(plan, arguments, figures):
    told = plan(*arguments, "--json").told
    assert {name: told[name] for name in figures} == figures
    assert plan(*arguments).status == 0


def test_the_table_is_for_people(plan):
    out = plan("scaling", "--params", "7B", "--tokens", "1T").out
    assert "gpu_hours               29,491.07\n" in out
    assert "total_usd               72,842.94\n" in out


def test_the_catalogue_and_the_orientation(plan):
    rows = {row["name"]: row for row in plan("gpus", "--json").told["rows"]}
    assert (rows["H100"]["on_demand_usd"], rows["H100"]["spot_usd"]) == ("8.22", "2.47")
    assert {"spot instances", "speculative decoding"} <= {
        row["what"] for row in plan("optimizations", "--json").told["rows"]
    }


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["training", "--params", "7", "--dataset", "1", "--hours", "1"], 2, "7B or 1T"),
        (["training", "--params", "0B", "--dataset", "1", "--hours", "1"], 2, "7B or 1T"),
        (["training", "--params", "7B", "--dataset", "x", "--hours", "1"], 2, "not a number"),
        (["training", "--params", "7B", "--dataset", "1", "--hours", "0"], 2, "more than 0"),
        (["training", "--params", "7B", "--dataset", "1", "--hours", "1", "--gpus", "0"], 2, "from 1 on"),
        (["training", "--params", "7B", "--dataset", "1", "--hours", "1", "--gpu", "B200"], 2, "none of CPU-2"),
        (["training", "--params", "7B", "--dataset", "1", "--hours", "1", "--rate", "0"], 2, "costs nothing"),
        (["scaling", "--params", "7B", "--tokens", "1T", "--mfu", "101%"], 2, "100% at most"),
        (["scaling", "--params", "7B", "--tokens", "1T", "--mfu", "4"], 2, "such as 40%"),
        (["scaling", "--params", "7B", "--tokens", "1T", "--mfu", "0%"], 2, "100% at most"),
        (["scaling", "--params=-7B", "--tokens", "1T"], 2, "above 0 with its unit"),
        (["request", "--latency", "5"], 2, "unit"),
        (["request", "--rate", "-1"], 2, "amount of dollars"),
        (["breakeven"], 2, "--price"),
        (["allocation", "--initial", "5"], 2, "--requests"),
        (["gpus", "--from-ledger"], 2, "--params"),
        (["forecast", "--price", "big"], 2, "model and a change"),
        (["forecast", "--switch", "big="], 2, "two models"),
        (["forecast", "--until", "2026-11-01"], 2, "--until: a forecast is from now on"),
        (["forecast"], 1, "no ledger"),
        (["chargeback"], 1, "no ledger"),
        (["decide", "--plot", "x.svg"], 2, "--plot"),
        ([], 2, "PLAN"),
    ],
)
def test_what_cannot_be_planned_is_said(plan, arguments, status, said):
    done = plan(*arguments)
    assert done.status == status
    assert said in done.err


def test_every_plan_has_help_and_is_documented(plan):
    documented = (ROOT / "docs/planning.md").read_text()
    names = re.findall(r"^    (\w+)(?=  |$)", plan("--help").out, re.MULTILINE)
    assert len(names) == 11
    for name in names:
        assert plan(name, "--help").status == 0
        assert f"\n| `{name}` |" in documented


@pytest.mark.parametrize("arguments", [["breakeven", "--price", "0.01"], ["breakeven", "--price", "0.0001"]])
def test_plots_are_svg(plan, tmp_path, arguments):
    assert plan(*arguments, "--plot", tmp_path / "plot.svg").status == 0
    root = ET.fromstring((tmp_path / "plot.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_plots_are_png(plan, tmp_path):
    assert plan("breakeven", "--price", "0.01", "--plot", tmp_path / "plot.png").status == 0
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("missing", "said"), [("find_spec", "fareway[plot]"), ("FAMILIES", "needs a font")])
def test_a_png_that_cannot_be_drawn_is_told(plan, tmp_path, monkeypatch, missing, said):
    monkeypatch.setattr(picture, missing, (lambda _: None) if missing == "find_spec" else ("No Such Font",))
    done = plan("breakeven", "--price", "0.01", "--plot", tmp_path / "plot.png")
    assert (done.status, said in done.err) == (1, True)
    assert not (tmp_path / "plot.png").exists()


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (750, "750"), (5000, "5K"), (2500, "2.5K"), (1234, "1,234"), (10**6, "1M")]
)
def test_numbers_on_axes_are_short(number, text):
    assert short(number) == text


@pytest.mark.parametrize(
    ("most", "end"), [(1, 4), (4, 4), (5, 8), (9, 20), (101, 200), (390, 400), (410, 800), (10**6, 10**6)]
)
def test_axes_end_at_round_numbers(most, end):
    assert round_up(most) == end


@pytest.mark.parametrize("name", ["plot.pdf", "plot"])
def test_a_plot_of_another_format_is_refused(plan, tmp_path, name):
    done = plan("breakeven", "--price", "0.01", "--plot", tmp_path / name)
    assert (done.status, "neither in .svg nor in .png" in done.err, done.out) == (2, True, "")


def test_a_plot_that_cannot_be_written_or_drawn_is_told(plan, ledger, tmp_path):
    done = plan("breakeven", "--price", "0.01", "--plot", tmp_path / "nowhere" / "plot.svg")
    assert (done.status, "cannot write" in done.err) == (1, True)
    done = plan("breakeven", "--from-ledger", "--model", "small", "--since", "4d", "--plot", tmp_path / "plot.svg")
    assert done.status == 0
    write_down(tmp_path, [call("x", "red", "big", 1, cost=Cost(None, CostStatus.UNPRICED), provider="dark")])
    done = plan("breakeven", "--from-ledger", "--model", "dark/big", "--plot", tmp_path / "plot.svg")
    assert (done.status, "nothing to plot" in done.err) == (1, True)


def test_own_hardware_for_real_calls(plan, ledger):
    told = plan("gpus", "--params", "7B", "--from-ledger", "--model", "big", "--json").told
    assert told["latency_target_ms"] == 2000
    assert told["kv_cache_gb"] == 131.072
    told = plan("gpus", "--params", "7B", "--from-ledger", "--model", "p/big", "--latency", "20s", "--json").told
    assert told["latency_target_ms"] == 20_000
    assert plan("gpus", "--params", "7B", "--from-ledger", "--model", "other").status == 3


def test_requests_of_real_calls(plan, ledger):
    rows = {row["route"]: row for row in plan("request", "--from-ledger", "--json").told["rows"]}
    assert set(rows) == {"p/big", "p/small", "vllm/small"}
    assert (rows["p/big"]["calls"], rows["p/big"]["batch"], rows["p/big"]["booked_usd"]) == (20, 1, "10.00")


def test_break_even_of_real_calls(plan, ledger, tmp_path):
    rows = {row["route"]: row for row in plan("breakeven", "--from-ledger", "--json").told["rows"]}
    assert set(rows) == {"p/big", "p/small"}, "what runs on own hardware is not compared with itself"
    big = rows["p/big"]
    assert (big["request_usd"], big["machines"], big["advice"]) == ("10.00", 1, "API")
    assert 28 <= big["requests_a_month"] <= 30
    assert big["own_month_usd"] == "4371.20"
    by_hour = ("breakeven", "--from-ledger", "--by-hour", "--model", "big", "--plot", tmp_path / "plot.svg")
    hours = plan(*by_hour, "--json").told["rows"]
    ET.fromstring((tmp_path / "plot.svg").read_text())
    assert [row["cheaper"] for row in hours] == ["own"] + 23 * ["-"]
    assert plan("breakeven", "--from-ledger", "--by-hour").status == 2


def test_own_machines_as_they_were_used(plan, ledger, tmp_path):
    """One call of half a dollar in a dollar of machine, which the cheaper API would have taken a dollar for."""
    idle = {"id": "idle:1", "provider": "vllm", "selfhosted": True, "outcome": Outcome.IDLE, "usage": Usage(requests=0)}
    write_down(tmp_path, [call("idle", "", "small", 3, **idle, cost=Cost(Money.usd("1.5"), CostStatus.EXACT))])
    (own,) = plan("breakeven", "--from-ledger", "--json").told["own_machines"]
    assert (own["calls"], own["busy_usd"], own["idle_usd"], own["paid_usd"]) == (1, "0.50", "1.50", "2.00")
    assert (own["api"], own["api_usd"], own["cheaper"]) == ("p/small", "1.00", "API")
    assert (own["utilisation_share"], own["flips_at_share"]) == (0.25, 0.5)


def test_a_call_that_was_tried_again_on_own_machines_counts_once(plan, ledger, tmp_path):
    own = {"provider": "vllm", "selfhosted": True}
    again = [call(f"again.{number}", "", "small", 3, **own) for number in range(2)]
    again = [msgspec.structs.replace(one, request_id="again") for one in again]
    write_down(tmp_path, [msgspec.structs.replace(again[0], outcome=Outcome.FAILED), again[1]])
    (found,) = plan("breakeven", "--from-ledger", "--json").told["own_machines"]
    assert found["calls"] == 2, "this one, and that of the ledger"


def test_training_against_real_inference(plan, ledger, tmp_path):
    """Twenty days and a half of them, twelve months long."""
    told = plan("allocation", "--initial", "1000", "--from-ledger", "--model", "big", "--json").told
    assert told["training_usd"] == "1000.00"
    assert 28 * 12 * 10 <= float(told["inference_usd"]) <= 30 * 12 * 10


def test_a_call_in_many_days_is_one_a_month(plan, tmp_path):
    write_down(tmp_path, [call("once", "red", "big", 89)])
    told = plan("allocation", "--initial", "1000", "--from-ledger", "--since", "90d", "--json").told
    assert told["inference_usd"] == "120.00"


def test_inference_without_a_price_is_not_taken_for_free(plan, tmp_path):
    write_down(tmp_path, [call("dark", "red", "big", 1, cost=Cost(None, CostStatus.UNPRICED))])
    told = plan("allocation", "--initial", "1000", "--from-ledger")
    assert (told.status, "has a price" in told.err) == (3, True)
    assert plan("breakeven", "--from-ledger", "--json").told["notes"]


def test_what_would_have_saved_money(plan, ledger):
    rows = plan("optimizations", "--from-ledger", "--json").told["rows"]
    assert [(row["what"], row["saved_usd"]) for row in rows] == [("smaller model", "180.00")]
    assert plan("optimizations", "--from-ledger", "--since", "2d").status == 0
    none = plan("optimizations", "--from-ledger", "--since", "1m")
    assert (none.status, "no calls" in none.err) == (3, True)


def test_nothing_would_have_saved_money(plan, tmp_path):
    write_down(tmp_path, [call("1", "red", "big", 1)])
    told = plan("optimizations", "--from-ledger", "--json").told
    assert told == {"notes": ["Nothing is found that would have saved money."]}


def test_who_pays(plan, ledger):
    told = plan("chargeback", "--shared", "9.5", "--paid", "1", "--json").told
    assert (told["direct_usd"], told["idle_usd"], told["total_usd"]) == ("220.50", "0.50", "230.50")
    rows = {row["team"]: row for row in told["rows"]}
    assert (rows["red"]["direct_usd"], rows["blue"]["direct_usd"]) == ("200.50", "20.00")
    assert rows["(none)"]["unpriced_calls"] == 1
    too_little = plan("chargeback", "--paid", "0.1")
    assert (too_little.status, "$0.40 more" in too_little.err) == (1, True)


def test_who_pays_as_a_page(plan, tmp_path):
    """One file that fetches and runs nothing, whatever teams are called."""
    evil = "<script>alert(1)</script>"
    write_down(tmp_path, [call("1", evil, "big", 1), call("2", "=1+1", "small", 1)])
    assert plan("chargeback", "--shared", "9.5", "--html", tmp_path / "bill.html").status == 0
    text = (tmp_path / "bill.html").read_text()
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert html.escape(evil) in text
    assert "default-src 'none'" in text
    assert "$20.50" in text
    root = ET.fromstring(
        text.partition("\n")[2]
        .replace('charset="utf-8">', 'charset="utf-8"/>')
        .replace("unsafe-inline'\">", "unsafe-inline'\"/>")
        .replace('device-width">', 'device-width"/>')
    )
    assert len(root.findall(".//tbody/tr")) == 2
    assert plan("chargeback", "--html", tmp_path / "no" / "bill.html").status == 1


def test_who_pays_as_a_table_for_spreadsheets(plan, tmp_path):
    write_down(tmp_path, [call("1", "=1+1", "big", 1)])
    lines = plan("chargeback", "--format", "csv").out.splitlines()
    assert lines[0] == "team,calls,unpriced_calls,direct_usd,training_usd,shared_usd,total_usd"
    assert lines[1] == "'=1+1,1,0,10.00,0.00,0.00,10.00"


def test_energy(plan, ledger):
    told = plan("carbon", "--by", "model", "--gpu", "A10G", "--grid", "400", "--json").told
    rows = {row["model"]: row for row in told["rows"]}
    assert rows["big"]["wh"] == 20 * 60
    assert rows["small"]["wh"] == pytest.approx(21 * 60 + 300 * 1.2 * 2 / 3600)
    assert told["kg_co2e"] == pytest.approx(told["kwh"] * 0.4)
    assert plan("carbon", "--gpu", "B200").status == 2
    assert "without --gpu" in plan("carbon").out


def test_the_month_and_the_limits(plan, ledger, tmp_path):
    (tmp_path / "fareway.yaml").write_text(LIMITS)
    told = plan("forecast", "--by", "team", "--plot", tmp_path / "plot.svg", "--json").told
    rows = {row["team"]: row for row in told["rows"]}
    assert set(rows) == {"red", "blue", "(none)"}
    assert rows["blue"]["spent_usd"] == "10.00"
    assert {rows["blue"][name] for name in ("low_usd", "month_end_usd", "high_usd")} == {"29.50"}
    assert float(rows["red"]["low_usd"]) < float(rows["red"]["month_end_usd"]) < float(rows["red"]["high_usd"])
    limits = {row["limit"]: row for row in told["limits"]}
    assert set(limits) == {
        "all/usd/month",
        "team:red/usd/lifetime",
        "team:blue/usd/lifetime",
        "tag:x/usd/month",
        "all/usd/rolling 10d",
    }
    assert limits["all/usd/month"]["reached_on"] is None
    assert limits["team:red/usd/lifetime"]["amount_usd"] == "5000.00"
    assert limits["team:blue/usd/lifetime"]["reached_on"] == "2026-12-01"
    assert (limits["tag:x/usd/month"]["spent_usd"], limits["tag:x/usd/month"]["reached_on"]) == ("110.50", "2026-11-21")
    assert limits["all/usd/rolling 10d"]["reached_on"] == "2026-11-11"
    ET.fromstring((tmp_path / "plot.svg").read_text())


def test_a_limit_counts_in_its_own_windows_whichever_stands_first(plan, ledger, tmp_path):
    """Red's month begins on the fifth, whenever that of other teams does."""
    limits = ['{node: "team:*", amount: 1000 usd, window: month}']
    limits.append("{node: team:red, amount: 5000 usd, window: month, start: 5}")
    for given in limits, limits[::-1]:
        (tmp_path / "fareway.yaml").write_text(f"limits: [{', '.join(given)}]")
        rows = {row["limit"]: row for row in plan("forecast", "--json").told["limits"]}
        assert rows["team:red/usd/month"]["ends"] == "2026-12-05"
        assert rows["team:blue/usd/month"]["ends"] == "2026-12-01"


def test_a_month_is_read_whole(plan, ledger):
    """However short the time is that the trend is of."""
    rows = {since: plan("forecast", "--since", since, "--json").told["rows"][0] for since in ("2d", "90d")}
    assert rows["2d"]["spent_usd"] == rows["90d"]["spent_usd"]


def test_a_forecast_of_nothing(plan, tmp_path):
    write_down(tmp_path, [call("old", "red", "big", 200)])
    assert plan("forecast").status == 3


def test_a_limit_that_is_reached_says_so(plan, ledger, tmp_path):
    (tmp_path / "fareway.yaml").write_text("limits: [{node: all, amount: 5 usd, window: lifetime}]")
    (row,) = plan("forecast", "--json").told["limits"]
    assert (row["reached_on"], row["at_the_earliest"], row["ends"]) == ("reached", "reached", None)


def test_what_if(plan, ledger):
    def rest(*arguments):
        (row,) = plan("forecast", "--json", *arguments).told["rows"]
        return float(row["month_end_usd"]) - float(row["spent_usd"])

    usual = rest()
    assert rest("--growth", "100%") == pytest.approx(usual * 2)
    assert rest("--growth=-100%") == 0
    assert rest("--price", "big=-50%") == pytest.approx(usual * (220.5 - 100) / 220.5)
    assert rest("--switch", "big=small") == pytest.approx(usual * (220.5 - 180) / 220.5)
    assert rest("--switch", "big=small", "--growth", "100%") == pytest.approx(2 * rest("--switch", "big=small"))
    unknown = plan("forecast", "--switch", "big=other")
    assert (unknown.status, "'other'" in unknown.err) == (2, True)


def test_the_first_day_says_nothing_of_the_next(plan, tmp_path):
    write_down(tmp_path, [call("now", "red", "big", 0)])
    (tmp_path / "fareway.yaml").write_text("limits: [{node: all, amount: 50 usd, window: month}]")
    told = plan("forecast", "--json", "--plot", tmp_path / "plot.svg").told
    assert told["rows"][0]["month_end_usd"] is None
    assert told["limits"][0]["reached_on"] is None
    assert any("no season" in note for note in told["notes"])
    assert plan("forecast", "--by", "team").status == 0
