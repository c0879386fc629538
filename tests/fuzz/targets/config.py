"""The configuration: whatever stands in a file, it is settings, or a list of problems with their places."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from fuzz.mutation import compact
from fuzz.target import ROOT

from gateway.config.limit import limit_of
from gateway.config.load import load
from gateway.config.problems import ConfigError
from gateway.config.references import References
from gateway.config.yaml_file import read

HEAD = 0

JSON = True
"""Which YAML can read."""

KEYS = {
    "OPENAI_API_KEY": "k",
    "GROQ_API_KEY": "k",
    "ALERT_SECRET": "k",
    "OTEL_TOKEN": "k",
    "K": "k",
    "HOME": "/nowhere",
}
FILE = Path(tempfile.mkdtemp(prefix="fuzz-config-")) / "fareway.yaml"
EXAMPLE = ROOT / "examples" / "fareway.yaml"


def check(data: bytes) -> None:
    """See the module. A problem names a line, or is of the file as a whole."""
    FILE.write_bytes(data)
    try:
        settings = load(FILE, KEYS)
    except ConfigError as error:
        problems = error.problems
    else:
        assert all(0 <= limit.amount < 1 << 63 for limit in settings.limits)
        return
    assert problems
    assert all(problem.message and problem.line >= 0 for problem in problems)
    _one_limit()


def _one_limit() -> None:
    """Its first limit, as one that comes over the admin API, where no place in a file is known."""
    try:
        found = read(FILE, References({}, FILE.parent)).value.get("limits")
        if isinstance(found, list) and found and isinstance(found[0], dict):
            limit_of(found[0])
    except ConfigError:
        return


def seeds() -> Iterable[bytes]:
    """Each section of the example, beside its providers and models; and what YAML alone can say."""
    tree = read(EXAMPLE, References(dict.fromkeys(KEYS, "${K}"), EXAMPLE.parent)).value
    names = {name: tree[name] for name in ("providers", "models", "tiers")}
    for name, section in tree.items():
        yield compact(names | {name: section})
        yield compact({name: section})
    yield b"a: &a [*b]\nb: &b {x: ${K}, y: '${file:/nowhere}', z: \"$${\"}\n"
    yield b"limits:\n  - {node: all, amount: 100 usd, window: month, start: 15 09:00, timezone: Europe/Zurich}\n"
