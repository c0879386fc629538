"""The documentation says what is so."""

from __future__ import annotations

import ast
import json
import re

import pytest
from harness import ROOT

from gateway.catalog.providers import KNOWN
from gateway.config.json_schema import json_schema
from gateway.config.load import load
from gateway.config.policies import built_in
from gateway.config.problems import ConfigError
from gateway.config.schema import FarewayFile
from gateway.core import errors
from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.request import Facts, Request
from gateway.core.route import Candidate, Context
from gateway.plugins import load_policy
from gateway.simulator.bill import MODELS
from gateway.simulator.faults import Orders
from gateway.telemetry.metrics import COUNTERS, Metrics
from gateway.telemetry.tallies import FAMILIES

README = (ROOT / "README.md").read_text()


def test_the_policy_in_the_readme_works(tmp_path, monkeypatch):
    """A newcomer's ten lines load by their dotted name, with their parameter, and decide."""
    source = re.search(r"```python\n(from gateway\.core\.route.*?)```", README, re.DOTALL)[1]
    assert len(source.splitlines()) <= 12
    assert len(list(filter(str.strip, source.splitlines()))) <= 10
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "with_room.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    config = tmp_path / "fareway.yaml"
    config.write_text("routing: {policy: acme.with_room, params: {calls: 2}}")
    choice = load(config, {"HOME": str(tmp_path)}).routing.choice
    busy = Candidate("a/x", "a", "x", "economy", False, Money(1), Money(1), in_flight=2)
    free = Candidate("b/x", "b", "x", "economy", False, Money(2), Money(2), in_flight=1)
    request = Request("r", "k", "openai-chat", Facts("x"), input_tokens=1)
    policy = load_policy(choice.policy).choose
    assert policy(request, (busy, free), Context(params=choice.params)).plan == (free, busy)
    decision = policy(request, (busy, free), Context())
    assert decision.plan == (busy, free)
    assert decision.reason == "cheapest with room for 3 calls: a/x"
    config.write_text("routing: {policy: acme.with_room, params: {call: 2}}")
    with pytest.raises(ConfigError, match='did you mean "calls"'):
        load(config, {"HOME": str(tmp_path)})


def test_every_policy_and_its_parameters_are_documented():
    documented = (ROOT / "docs/routing.md").read_text()
    for name in built_in():
        plugin = load_policy(name)
        assert f"`{name}`" in documented, name
        for parameter in plugin.params or ():
            assert re.search(rf"`{parameter}[`:]", documented), (name, parameter)


@pytest.mark.parametrize("key", FarewayFile.model_fields)
def test_every_key_of_the_configuration_is_in_the_readme(key):
    assert f"`{key}`" in README


def test_every_error_code_is_documented():
    documented = (ROOT / "docs/errors.md").read_text()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in kinds:
        if kind is not errors.LimitReached:  # Told under the names that OpenAI's clients know.
            assert f"| {kind.status} | `{kind.code}`" in documented, kind


METRIC = re.compile(r"(?:fareway|ml)_[a-z0-9]+(?:_[a-z0-9]+)*_?")
NO_METRICS = {"fareway_session"}  # A cookie.
METRIC_ROW = re.compile(r"^\| `((?:fareway|ml)_\w+)` \| \w+ \| (.*) \| .* \|$", re.MULTILINE)


def metrics_named() -> set[str]:
    """What the sources name: every text that is a metric's name and nothing else, or its beginning (with "_" at its
    end)."""
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and METRIC.fullmatch(node.value):
                found.add(node.value)
    return found - NO_METRICS


def test_every_metric_is_documented_and_none_that_is_not_there():
    """A counter's name gets `_total` when it is shown."""
    documented = {name for name, _ in METRIC_ROW.findall((ROOT / "docs/observability.md").read_text())}
    named = metrics_named()
    whole = {name for name in named if not name.endswith("_")}
    assert {name for name in whole if not {name, f"{name}_total"} & documented} == set()
    begun = tuple(name for name in named if name.endswith("_"))
    plain = {name.removesuffix("_total") for name in documented}
    assert {name for name in plain if name not in whole and not name.startswith(begun)} == set()


def test_every_label_of_a_metric_is_documented():
    rows = dict(METRIC_ROW.findall((ROOT / "docs/observability.md").read_text()))
    told = Metrics()
    histograms = {h.name: h.labels for h in (told.overhead, told.duration, told.first_token)}
    families = {name: labels for name, (_, labels) in {**FAMILIES, **COUNTERS}.items()} | histograms
    for name, labels in families.items():
        row = rows.get(f"{name}_total", rows.get(name))
        assert re.findall(r"`(\w+)`", row) == list(labels), name


def test_every_outcome_and_cost_status_is_documented():
    documented = (ROOT / "docs/money.md").read_text()
    for word in [*Outcome, *CostStatus]:
        assert f"`{word}`" in documented, word


def test_every_provider_and_quirk_is_documented():
    documented = (ROOT / "docs/providers.md").read_text()
    for provider in KNOWN.values():
        if provider.name != "sim":
            assert f"`{provider.name}` | `{provider.key_env}`" in documented
            assert all(f"`{quirk}`" in documented for quirk in provider.quirks)


def test_all_that_the_simulator_offers_is_documented():
    documented = (ROOT / "docs/simulator.md").read_text()
    for word in [*Orders.__dataclass_fields__, *MODELS, *KNOWN["sim"].dialects]:
        assert re.search(rf"`{re.escape(word)}\b", documented), word


def test_the_schema_for_editors_is_the_one_that_is_checked():
    """`fareway schema > fareway.schema.json` after a change of the configuration."""
    assert json.loads((ROOT / "fareway.schema.json").read_text()) == json_schema()
