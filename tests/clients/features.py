"""What is asked of every client: a call, a key to make it with, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One row of the table. `action` is what the client does: answer, stream, tools or cancel."""

    name: str
    action: str
    prompt: str
    key: str = "good"  # "spent": its budget is exhausted; "bad": nobody's.
    refused: int | None = None  # The status that the gateway answers with, and by which the client must fail.
    ended: str = "complete"  # How the provider's bill says that it ended.
    outcome: str = "ok"  # And the ledger.
    calls: int = 1  # At the provider.


FEATURES: tuple[Feature, ...] = (
    Feature("answer", "answer", "Hello! [[sim: tokens=12]]"),
    Feature("stream", "stream", "Hello again! [[sim: tokens=12]]"),
    Feature("tools", "tools", "Use the tool: how is the weather? [[sim: tokens=300]]", calls=2),
    Feature("budget refusal", "answer", "Too late! [[sim: tokens=12]]", key="spent", refused=429, calls=0),
    Feature("bad key", "answer", "Who am I? [[sim: tokens=12]]", key="bad", refused=401, calls=0),
    Feature(
        "error in a stream", "stream", "Break! [[sim: tokens=40 error_after=8 tps=200]]", ended="error", outcome="cut"
    ),
    Feature("cancel", "cancel", "Talk! [[sim: tokens=2000 tps=40]]", ended="aborted", outcome="hung_up"),
)
"""Words in brackets are for the simulated provider. Two thousand tokens at forty a second outlast any client."""
