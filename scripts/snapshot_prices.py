"""Writes the bundled price snapshot into gateway/prices/, the same bytes on every run.

    pip download --no-deps litellm==1.109.1 -d /tmp/wheels
    .venv/bin/python scripts/snapshot_prices.py --litellm /tmp/wheels/litellm-*.whl

Only public attributes of genai-prices' data classes are read. The output has the shape of that project's live
feed (`prices/new_data/v2/data.json`), less what a gateway does not need, so that one parser reads both.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, date, time
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

from gateway.prices.crosscheck import PREFIXES, PROVIDERS

GENAI_PRICES = "0.2.3"
RELEASED = "2026-11-10"  # The day of that release, which the package itself does not say.
LITELLM_TABLE = "litellm/model_prices_and_context_window_backup.json"
GENERATING_MODES = {"chat", "completion", "responses"}


def plain(value: Any) -> Any:
    """One value of genai-prices as JSON: decimals as exact text, empty fields left out."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, time):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) or type(value).__name__ == "ModelPrice":
        value = {key.rstrip("_"): item for key, item in vars(value).items()}  # `or_` is `or` in the feed.
    if isinstance(value, Mapping):
        value = {key: plain(item) for key, item in value.items() if item is not None}
    return value


def model_entry(model: Any) -> dict[str, Any]:
    """A model without names, texts and comments."""
    kept = ("id", "match", "context_window", "deprecated", "prices", "price_variants")
    return {key: plain(getattr(model, key)) for key in kept if getattr(model, key) is not None}


def provider_entry(provider: Any) -> dict[str, Any]:
    """A provider with its models in their order, which decides between match clauses."""
    entry: dict[str, Any] = {"id": provider.id, "models": [model_entry(model) for model in provider.models]}
    if provider.fallback_model_providers:
        entry["fallback_model_providers"] = list(provider.fallback_model_providers)
    return entry


def bare(name: str) -> str:
    """A litellm key without its provider prefix, in lower case."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :].lower()
    return name.lower()


def output_limits(wheel: Path) -> dict[str, dict[str, int]]:
    """Most output tokens per provider and model; the higher one where litellm lists a model twice."""
    with zipfile.ZipFile(wheel) as archive:
        table = json.loads(archive.read(LITELLM_TABLE))
    limits: dict[str, dict[str, int]] = {}
    for name, entry in table.items():
        provider = PROVIDERS.get(str(entry.get("litellm_provider")))
        most = entry.get("max_output_tokens")
        if provider and entry.get("mode") in GENERATING_MODES and type(most) is int and most > 0:
            models = limits.setdefault(provider, {})
            models[bare(name)] = max(most, models.get(bare(name), 0))
    return limits


def written(path: Path, data: object) -> str:
    """Write data as gzipped JSON. The sha256 of the JSON itself, which no version of zlib can change."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    return hashlib.sha256(text).hexdigest()


def snapshot() -> Iterable[dict[str, Any]]:
    """All providers of the pinned release. Raises SystemExit for another release."""
    if metadata.version("genai-prices") != GENAI_PRICES:
        raise SystemExit(f"this script is pinned to genai-prices {GENAI_PRICES}")
    from genai_prices.data import providers  # noqa: PLC0415 - only here, after the version is checked.

    return [provider_entry(provider) for provider in providers]


def main() -> None:
    """Write the two data files and the header that names and pins them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--litellm", type=Path, required=True, help="the litellm wheel")
    options.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "gateway" / "prices")
    chosen = options.parse_args()
    header = {
        "id": f"genai-prices-{GENAI_PRICES}",
        "date": RELEASED,
        "sha256": {
            "prices.json.gz": written(chosen.out / "prices.json.gz", snapshot()),
            "output_limits.json.gz": written(chosen.out / "output_limits.json.gz", output_limits(chosen.litellm)),
        },
    }
    (chosen.out / "snapshot.json").write_text(json.dumps(header, indent=2) + "\n")
    print(json.dumps(header, indent=2))


if __name__ == "__main__":
    main()
