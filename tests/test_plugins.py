"""A policy is found by its dotted name, and what is missing is said."""

import sys

import pytest

from gateway.core.errors import NoPrice, PolicyFailed
from gateway.core.route import Signal
from gateway.plugins import NoPolicy, Plugin, load_policy


def test_a_policy_is_the_function_choose_of_its_module():
    import policies.cheapest

    assert load_policy("policies.cheapest").choose is policies.cheapest.choose


def test_a_policy_of_somebody_else_loads_like_ours(tmp_path, monkeypatch):
    (tmp_path / "my_own_policy.py").write_text("def choose(request, candidates, context):\n    return 'mine'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_policy("my_own_policy").choose(None, (), None) == "mine"
    del sys.modules["my_own_policy"]


def test_a_policy_may_say_how_its_parameters_are_read(tmp_path, monkeypatch):
    body = "def choose(request, candidates, context): ...\n"
    for name, line in {
        "a_free": "",
        "a_strict": "PARAMS = {'at_most': int}\n",
        "a_sloppy": "PARAMS = {'x': 1}\n",
    }.items():
        (tmp_path / f"{name}_policy.py").write_text(line + body)
    monkeypatch.syspath_prepend(tmp_path)
    assert load_policy("a_free_policy").params is None
    assert load_policy("a_strict_policy").params == {"at_most": int}
    with pytest.raises(NoPolicy, match="PARAMS must map the name of each parameter to a function that reads it"):
        load_policy("a_sloppy_policy")


def test_a_policy_says_what_it_reads(tmp_path, monkeypatch):
    source = 'READS = ["success", "burn"]\ndef choose(request, candidates, context):\n    return None\n'
    (tmp_path / "a_reading_policy.py").write_text(source)
    (tmp_path / "a_curious_policy.py").write_text(source.replace("burn", "bern"))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_policy("a_reading_policy").reads == {Signal.SUCCESS, Signal.BURN}
    with pytest.raises(NoPolicy, match=r"READS may name success, .*'bern'"):
        load_policy("a_curious_policy")


def test_a_function_that_cannot_be_called_as_policies_are_is_named(tmp_path, monkeypatch):
    (tmp_path / "a_short_policy.py").write_text("def choose(a, b): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NoPolicy, match=r"`choose` must take \(request, candidates, context\): too many positional"):
        load_policy("a_short_policy")


@pytest.mark.parametrize(
    ("choose", "cause"), [(lambda *_: 1 / 0, ZeroDivisionError), (lambda *_: None, TypeError)], ids=["raises", "None"]
)
def test_a_policy_that_fails_is_named_without_what_it_raised(choose, cause):
    """Which may quote a prompt; it is the cause, for the log."""
    with pytest.raises(PolicyFailed, match=r"^The routing policy acme\.bad failed\.$") as failed:
        Plugin(choose, frozenset(), name="acme.bad").decide(None, (), None)
    assert isinstance(failed.value.__cause__, cause)


def test_a_policy_may_refuse():
    def choose(*_):
        raise NoPrice("none")

    with pytest.raises(NoPrice):
        Plugin(choose, frozenset(), name="acme.strict").decide(None, (), None)


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(NoPolicy, match=r"no module 'policies\.missing'"):
        load_policy("policies.missing")


@pytest.mark.parametrize("source", ["", "choose = 5\n"])
def test_a_module_without_the_function_is_named(tmp_path, monkeypatch, source):
    (tmp_path / "half_a_policy.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NoPolicy, match="has no function `choose"):
        load_policy("half_a_policy")
    sys.modules.pop("half_a_policy")
