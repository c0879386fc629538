"""Train the difficulty model that comes with the gateway, and score it on prompts that it has not seen.

    python scripts/train_difficulty.py DATA     # a folder with llmrouter/train.jsonl.gz

What it is made of and what it scored stands in docs/routing.md.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import msgspec

from gateway.difficulty.training import Example, train

TARGET = Path(__file__).parent.parent / "gateway" / "difficulty" / "default.json"


def main() -> None:
    """Read, train, write."""
    with gzip.open(Path(sys.argv[1]) / "llmrouter" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    examples = [Example(row["question"], row["scores"]) for row in rows]
    TARGET.write_bytes(msgspec.json.encode(train(examples, {"data": "LLMRouter (MIT)"})))


if __name__ == "__main__":
    main()
