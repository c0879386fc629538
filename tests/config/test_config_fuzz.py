"""Whatever stands in the file, it is settings or a list of problems with places; nothing else is ever raised."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.config.problems import ConfigError
from gateway.config.references import References
from gateway.config.yaml_file import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "fareway.yaml"
KEYS = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "ALERT_SECRET": "k", "OTEL_TOKEN": "k", "HOME": "/home/me"}
WRONG = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**17, "", " ", "x", "${K}", "${", "${NO}", [], [1], {}, {"x": 1}, "off"]
)


def spots(value, path=()):
    """The path of everything in a tree."""
    yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from spots(child, (*path, key))


TREE = read(EXAMPLE, References(dict.fromkeys(KEYS, "${K}"), EXAMPLE.parent)).value
SPOTS = list(spots(TREE))[1:]


def changed(spot, wrong, key):
    """The example with one value, or one key, replaced."""
    tree = json.loads(json.dumps(TREE))
    place = tree
    for step in spot[:-1]:
        place = place[step]
    if key and isinstance(place, dict):
        place[str(wrong)] = place.pop(spot[-1])
    else:
        place[spot[-1]] = wrong
    return tree


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SPOTS), WRONG, st.booleans())
def test_settings_or_problems(tmp_path_factory, spot, wrong, key):
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_text(json.dumps(changed(spot, wrong, key), ensure_ascii=False))
    problems = []
    try:
        load(path, {**KEYS, "K": "k"})
    except ConfigError as error:
        problems = error.problems or [None]
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)
