"""Engines of one's own: their addresses, their machines, and what an hour costs."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.assembly.fleet import fleet_of
from gateway.cli.check import priced
from gateway.config.hours import week
from gateway.config.units import UnreadableError
from gateway.core.money import PICOS_PER_DOLLAR
from gateway.fleet.machine import DECODE, PATIENCE_MS, PREFILL
from gateway.fleet.rate import SECOND_NS, Week
from gateway.planning.gpus import Tier
from gateway.prices.proposals import Catalogue, Offer, Proposals

HOUR_NS = 3600 * SECOND_NS


def dollars(machine, moment="2026-11-25T12:00"):
    """What an hour costs at a moment, UTC."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    return machine.rate.at(round(at) * SECOND_NS)[0] / PICOS_PER_DOLLAR


def test_several_engines_behind_one_name(configured):
    found = configured("providers: {local: {kind: vllm, base_urls: [http://10.0.0.5:8000, http://gpu/x/v1]}}")
    first, second = fleet_of(found).backends
    assert (first.id, first.base_url, first.kind) == ("local@10.0.0.5:8000", "http://10.0.0.5:8000/v1", "vllm")
    assert (second.id, second.base_url) == ("local@gpu", "http://gpu/x/v1")
    assert first.machine is None
    assert found.providers["local"].selfhosted


def test_one_engine_with_a_machine_is_a_backend(configured):
    found = configured("providers: {local: {base_url: http://10.0.0.5:8000/v1, gpu: {type: cpu, price: 0.30/h}}}")
    (backend,) = fleet_of(found).backends
    assert (backend.kind, backend.machine.hardware, dollars(backend.machine)) == ("", "cpu", 0.30)


def test_one_without_a_machine_is_an_address_as_ever(configured):
    assert fleet_of(configured("providers: {vllm: {base_url: http://10.0.0.5:8000/v1}}")).backends == ()


def machine(configured, gpu):
    """The machine of a provider with this gpu."""
    return configured(f"providers: {{vllm: {{base_url: http://a:1, gpu: {gpu}}}}}").machines["vllm"]


@pytest.mark.parametrize("name", ["h100", "H100", "h100_80gb", "NVIDIA H100 80GB", "h100-80"])
def test_the_price_of_the_catalogue(configured, name):
    made = machine(configured, f"{{type: {name}, count: 2}}")
    assert (made.hardware, made.count, dollars(made), made.power_w) == ("H100", 2, 16.44, 1400)
    assert made.priced == "catalogue of 2026-01"


@pytest.mark.parametrize(("tier", "price"), [(Tier.SPOT, 2.47), (Tier.RESERVED_1Y, 5.754), (Tier.RESERVED_3Y, 3.288)])
def test_by_how_it_is_bought(configured, tier, price):
    assert dollars(machine(configured, f"{{type: h100, tier: {tier.value}}}")) == price


def test_a_price_of_its_own_with_later_ones(configured):
    steps = "[{from: 2026-12-01, price: 2.10/h}, {from: '2026-12-05T06:00+02:00', price: $1.50/h}]"
    made = machine(configured, f"{{type: h100, count: 2, price: 2.47/h, prices: {steps}, power: 0.35kW}}")
    assert (made.priced, made.power_w) == ("configuration", 700)
    moments = ("2026-11-30T23:59", "2026-12-01T00:00", "2026-12-05T03:59", "2026-12-05T04:00")
    assert [dollars(made, moment) for moment in moments] == [4.94, 4.20, 4.20, 3.00]


def test_later_prices_alone(configured):
    assert dollars(machine(configured, "{type: tpu, prices: [{from: 2026-12-01, price: 3/h}]}")) == 3.0


def test_when_it_runs(configured):
    made = machine(configured, "{type: t4, price: 1/h, schedule: 'mon-fri 08:00-20:00 Europe/Zurich'}")
    assert [dollars(made, f"2026-11-{day}T{hour}") for day, hour in ((25, "06:59"), (25, "07:00"), (25, "19:00"))] == [
        0.0,
        1.0,
        0.0,
    ]
    assert dollars(made, "2026-11-28T12:00") == 0.0


def test_what_a_clock_and_a_policy_are_told(configured):
    made = machine(
        configured, "{type: t4, prefill: 900/s, decode: 9/s, patience: 1s, electricity: 0.12/kWh, region: eu}"
    )
    assert (made.prefill, made.decode, made.patience_ms, made.region) == (900, 9, 1000, "eu")
    assert made.electricity == PICOS_PER_DOLLAR * 12 // 100
    plain = machine(configured, "{type: t4, notice: http://10.0.0.5:8081/spot}")
    assert (plain.prefill, plain.decode, plain.patience_ms, plain.electricity) == (PREFILL, DECODE, PATIENCE_MS, 0)
    assert plain.notice == "http://10.0.0.5:8081/spot"


def test_the_price_of_an_approved_list(configured, tmp_path):
    offer = Offer(
        provider="aws",
        instance="p5.48xlarge",
        location="us-east-1",
        gpu="H100",
        gpu_count=8,
        spot=False,
        nanos_per_hour=55_040_000_000,
        day="2026-11-01",
    )
    Proposals(tmp_path).propose(Catalogue("list.csv", "2026-11-01", (offer,)))
    gpu = "{offer: aws/p5.48xlarge/us-east-1}"
    text = f"home: {tmp_path}\nproviders: {{vllm: {{base_url: http://a:1, gpu: {gpu}}}}}"
    with pytest.raises(Exception, match="approve a list that has it"):
        configured(text)
    Proposals(tmp_path).approve()
    made = configured(text).machines["vllm"]
    assert (made.hardware, made.count, dollars(made)) == ("H100", 8, 55.04)
    assert made.priced == "aws/p5.48xlarge/us-east-1, approved as of 2026-11-01"
    with pytest.raises(Exception, match="no spot offer"):
        configured(text.replace("us-east-1}", "us-east-1, tier: spot}"))
    (tmp_path / "prices" / "gpus.json").write_text(json.dumps({}))
    with pytest.raises(Exception, match="cannot be read"):
        configured(text)


def test_what_fareway_check_says_of_it(configured):
    gpu = "gpu: {type: h100, count: 2, tier: spot}"
    local = f"local: {{kind: vllm, base_urls: [http://a:1, http://b:1], {gpu}}}"
    rows = priced(configured(f"providers: {{{local}}}\nmodels: {{chat: {{deployments: [local/llama]}}}}"))
    assert [row["deployment"] for row in rows] == ["local@a:1/llama", "local@b:1/llama"]
    assert {row["price"] for row in rows} == {"its share of $4.94 an hour (2 x H100, catalogue of 2026-01)"}


def test_the_example_of_the_documentation(configured):
    text = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    found = configured(re.search(r"```yaml\n(providers:.*?)```", text, re.DOTALL)[1], TOGETHER_API_KEY="k")
    assert [backend.name for backend in fleet_of(found).backends] == ["10.0.0.5:8000", "10.0.0.6:8000"]


HOURS = [
    ("mon 08:00-20:00", Week("UTC", ((480, 1200),))),
    ("daily 00:00-24:00 UTC", Week("UTC", ((0, 10080),))),
    ("sat-mon 10:00-12:00", Week("UTC", ((600, 720), (7800, 7920), (9240, 9360)))),
    ("sun 22:00-06:00", Week("UTC", ((0, 360), (9960, 10080)))),
    ("tue 08:00-10:00, tue 09:00-12:00, wed 08:00-09:00", Week("UTC", ((1920, 2160), (3360, 3420)))),
]


@pytest.mark.parametrize(("text", "hours"), HOURS)
def test_hours_of_a_week(text, hours):
    assert week(text) == hours


@pytest.mark.parametrize("text", ["", "mon", "mon 8:00-20:00", "mon 08:00-25:00", "mon 08:00-20:00 Mars/Base", 5])
def test_what_are_no_hours(text):
    with pytest.raises(UnreadableError):
        week(text)


PLACE = "providers.vllm.gpu"
WRONG = [
    ("{}", f"{PLACE}: needs either a type, such as h100, or an offer"),
    (
        "{type: h101}",
        f'{PLACE}.type: there is no price for "h101" in the catalogue; did you mean "H100"?; or write its price',
    ),
    (
        "{type: h100, schedule: daily 08:00-10:00, tier: reserved-1y}",
        (
            f"{PLACE}.schedule: means nothing for a reserved machine, which always costs; "
            "leave it out, or write tier: on-demand"
        ),
    ),
    (
        "{type: t4, prices: [{from: 2026-12-02, price: 1/h}, {from: 2026-12-01, price: 1/h}]}",
        f"{PLACE}.prices: must be in the order of their dates",
    ),
    ("{type: t4, price: 2.47}", f"{PLACE}.price: must be dollars an hour, such as 2.47/h"),
    ("{type: t4, power: 350}", f"{PLACE}.power: must be a power with its unit, such as 350W or 0.7kW"),
    ("{type: t4, prefill: 0/s}", f"{PLACE}.prefill: must be 1/s or more, such as 2000/s"),
    (
        "{type: t4, electricity: 0.12}",
        f"{PLACE}.electricity: must be dollars a kilowatt-hour, such as 0.12/kWh",
    ),
    (
        "{type: t4, prices: [{from: soon, price: 1/h}]}",
        f"{PLACE}.prices[0].from: must be a date, such as 2026-12-01, or a moment, such as 2026-12-01T08:00Z",
    ),
]


@pytest.mark.parametrize(("gpu", "said"), WRONG)
def test_what_is_wrong_with_a_machine(wrong, gpu, said):
    (problem,) = wrong(f"providers: {{vllm: {{base_url: http://a:1, gpu: {gpu}}}}}")
    assert problem.partition(" ")[2] == said


ADDRESSES = [
    ("{kind: vllm, base_urls: [http://a/v1, http://a/x]}", "must have a host and port of its own"),
    ("{kind: vllm, base_urls: [http://a], base_url: http://b}", "must not stand beside base_urls"),
    ("{kind: openai, key: '${K}', base_urls: [http://a]}", "is nobody's own engine"),
    ("{kind: vllm, gpu: {type: t4}}", "needs a base_url"),
]


@pytest.mark.parametrize(("section", "said"), ADDRESSES)
def test_what_is_wrong_with_addresses(wrong, section, said):
    (problem,) = wrong(f"providers: {{x: {section}}}", K="k")
    assert said in problem
