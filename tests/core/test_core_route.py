"""Where a request could go."""

from gateway.core.node import Place
from gateway.core.route import Candidate


def test_limits_speak_of_a_model_wherever_it_runs():
    one = Candidate("local@a:1/m", "local", "m", "standard", True, None, None, backend="a:1")
    assert one.place == Place("local", "standard", "m")
