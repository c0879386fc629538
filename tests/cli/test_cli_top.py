"""What `fareway top` makes of what a gateway tells, in terminals of any size."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.cli.top.frame import clipped, frame
from gateway.cli.top.looking import Look

COLOUR = re.compile(r"\x1b\[\d+m")


def recent(model="sim-small", outcome="ok", calls=3, cost="0.25", unpriced=0):
    by = {"provider": "sim", "model": model, "outcome": outcome}
    return {"by": by, "calls": calls, "cost_usd": cost, "unpriced_calls": unpriced}


def budget(node="team:research", spent="8.50", unit="usd", amount="10.00"):
    state = {
        "node": node,
        "unit": unit,
        "window": "month",
        "amount": amount,
        "spent": spent,
        "held": "0.50",
        "left": "1",
    }
    return {"limit": "l", "state": state, "runs_out": "2026-11-22T14:05:00Z"}


def deployment(name="sim/sim-small", working=True):
    return {"name": name, "working": working, "first_token_p95_ms": 120.4, "answer_p95_ms": None}


def call(model="sim-small", outcome="ok", cost="0.000012"):
    at = "2026-11-22T01:02:03Z"
    said = {"at": at, "team": "research", "key_id": "k", "model": model, "asked_model": "auto"}
    return said | {"cost_usd": cost, "outcome": outcome}


def seen(**more):
    given = {
        "recent": [recent(), recent(outcome="failed", calls=1, cost=None)],
        "today_usd": "12.3",
        "month_usd": "100",
    }
    given |= {"budgets": [budget()], "deployments": [deployment()], "last": [call()]}
    return Look(at=1_795_309_323.0, **(given | more))


def text(look, columns=100):
    return "\n".join(frame(look, columns, None, colour=False))


def test_it_tells_spend_budgets_routes_and_errors():
    told = text(seen())
    assert "spend  $0.250000/min  today $12.30  month $100.00" in told
    assert "calls  4/min  errors 1  cached 0" in told
    assert re.search(r"team:research month +#########\.   90 %  \$1.00 left, out at 14:05", told)
    assert re.search(r"sim/sim-small +4/min  \$0.250000  1 errors  p95 120 ms", told)
    assert re.search(r"01:02:03  research  sim-small +\$0.000012  ok", told)


def test_in_forty_columns_no_figure_is_cut():
    lines = text(seen(), 40).splitlines()
    assert {"spend  $0.250000/min", "today $12.30  month $100.00"} <= set(lines)
    assert any(line.endswith("90 %  $1.00 left") for line in lines)


def test_what_nobody_knows_is_not_zero():
    told = text(seen(recent=[recent(cost=None, unpriced=3)], today_usd=None, last=[call(cost=None)]))
    assert "spend  $0.00?/min  today $?" in told
    assert told.endswith("$?  ok")


def test_a_deployment_that_is_left_alone_and_a_count_of_tokens():
    told = text(seen(deployments=[deployment(working=False)], budgets=[budget(unit="tokens")]))
    assert "left alone" in told
    assert "1 tokens left" in told


def test_without_calls_there_is_little_to_see():
    assert text(Look.nothing(0.0)).splitlines() == [
        "fareway top  00:00:00 UTC",
        "spend  $0.00/min  today $?  month $?",
        "calls  0/min  errors 0  cached 0",
    ]


def test_colours_tell_what_needs_a_look_and_only_where_they_are_wanted():
    plain, coloured = (frame(seen(), 100, None, colour=colour) for colour in (False, True))
    assert "\x1b" not in "".join(plain)
    assert [COLOUR.sub("", line) for line in coloured] == plain
    assert "\x1b[33m" in next(line for line in coloured if "team:research month" in line)


def test_names_cannot_move_the_cursor():
    told = text(seen(last=[call(model="evil\x1b[2J\r\nmodel")]))
    assert "\x1b" not in told
    assert "evil?[2J??model" in told


def width(line):
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


@given(st.integers(1, 200), st.integers(1, 40), st.text(max_size=80))
def test_it_fits_any_terminal(columns, rows, name):
    look = seen(budgets=[budget(node=name)], deployments=[deployment(name=name)], last=[call(model=name)])
    lines = frame(look, columns, rows, colour=False, trouble=name)
    assert len(lines) <= rows
    assert max(map(width, lines)) <= columns


@given(st.text(max_size=50))
def test_what_fits_stays(name):
    assert clipped(name, 1000) == "".join(c if c.isprintable() else "?" for c in name).rstrip()


@pytest.mark.parametrize(
    ("options", "key"),
    [((), ""), (("--gateway", "ftp://here"), "k"), (("--every", "0"), "k"), (("--every", "nan"), "k")],
)
def test_wrong_usage(monkeypatch, capsys, options, key):
    monkeypatch.setenv("FAREWAY_KEY", key)
    assert main(["top", *options]) == 1
    assert "takes" in capsys.readouterr().err


def test_nobody_answers(monkeypatch, capsys):
    monkeypatch.setenv("FAREWAY_KEY", "k")
    assert main(["top", "--gateway", "http://127.0.0.1:9"]) == 1
    assert "no answer" in capsys.readouterr().err
