"""What the ledger says about a call's prompt at the provider's cache."""

from __future__ import annotations

from msgspec import Struct


class PromptNote(Struct, frozen=True, omit_defaults=True):
    """Of a call whose prompt was watched (`cache: {prompt: watch}`). Nothing of the prompt itself."""

    marks: str = ""  # What the gateway asked to be kept, and for how long: "head 1h, turns 5m".
    saved_nanos: int = 0  # By the marks: what the cache saved on this call, or less than nothing where it cost more.
    expected: int = 0  # Tokens that the conversation's last call had left there, as far as its prompt goes on.
    unread: int = 0  # Of these, what was not read from the cache.
    broken: str = ""  # Where the prompt departs from the last one, before that one's end.
    dropped: int = 0  # Tokens behind that place that were in the cache.
    lost_nanos: int = 0  # What unread and dropped tokens cost more than they would have, read from the cache.
