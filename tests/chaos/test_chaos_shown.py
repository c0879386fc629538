"""What a trial says: a fact that is missed fails; a bound that a busy machine may miss fails only in the full form,
and one of which it is known why it cannot be kept stays red there."""

import json
import os
import subprocess
import sys

import pytest
from harness import ROOT
from shown import OutOfBounds, Shown


def told(folder, *, full=False, **found):
    shown = Shown("a_test", 1, full, folder)
    shown("C1", "one way", "a figure", target="another", **found)
    return kept(folder)["met"]


def kept(folder):
    return json.loads((folder / "C1" / "a_test.json").read_text())[0]


def test_a_fact(tmp_path):
    assert told(tmp_path, met=True)
    with pytest.raises(AssertionError, match="a figure, wanted another"):
        told(tmp_path, met=False)


def test_a_bound(tmp_path):
    with pytest.warns(OutOfBounds, match="a figure, wanted another"):
        assert told(tmp_path, met=True, bounded=False) is False
    with pytest.raises(AssertionError, match="a figure, wanted another"):
        told(tmp_path, full=True, met=True, bounded=False)


def test_what_cannot_be_met(tmp_path):
    with pytest.raises(pytest.xfail.Exception, match="because"):
        told(tmp_path, full=True, met=True, bounded=False, because="because")
    assert kept(tmp_path)["because"] == "because"
    with pytest.raises(AssertionError, match="a figure, wanted another"):
        told(tmp_path, met=False, bounded=False, because="because")
    assert kept(tmp_path)["because"] == ""


def test_what_was_met_after_all(tmp_path):
    assert told(tmp_path, full=True, met=True, because="because") is True
    assert kept(tmp_path)["because"] == ""


def test_a_run_says_what_chance_began_with():
    """Also where all is well, or the same could not be tried again."""
    one = f"{__file__}::{test_what_was_met_after_all.__name__}"
    told = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one]
    asked = os.environ | {"CHAOS": "full", "SEED": ""}
    said = subprocess.run(told, env=asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "Chance began with SEED=" in said
