"""One line of the ledger: what one attempt at a provider, or one answer from the cache, came to."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gateway.core.caller import Caller
from gateway.core.occupied import IDLE_ID, MACHINE_PRICE, Occupied
from gateway.core.price import Cost
from gateway.core.prompt_note import PromptNote
from gateway.core.rating import NO_CLUSTER
from gateway.core.usage import Usage


class Outcome(StrEnum):
    """How it ended."""

    OK = "ok"
    CACHED = "cached"  # Answered from the cache, or by an identical call in flight.
    HUNG_UP = "hung_up"  # The caller left before the end.
    CUT = "cut"  # The provider's stream broke off.
    OUTRUN = "outrun"  # Another deployment began to answer the same call before it: read for its cost, or broken off.
    STOPPED = "stopped"  # We ended the stream: the money held was used up and there was no more.
    FAILED = "failed"  # The provider took the call and gave no answer: it may have charged.
    UNRESOLVED = "unresolved"  # We died during the call: charged at its full hold.
    PENDING = "pending"  # A batch that runs: charged at the most that it can cost, until it ends.
    TRAINED = "trained"  # No call: what a training job has used in one interval.
    ADJUSTED = "adjusted"  # No call: an earlier entry, priced anew. Its amount is the difference, and may be negative.
    IDLE = "idle"  # No call: what was paid for a machine of ours and nobody used, in one hour.


NO_CALLS = frozenset({Outcome.ADJUSTED, Outcome.IDLE, Outcome.TRAINED})
"""What entries that stand for no call say."""


TRAINING = "training"
"""What stands for the provider and the tier in entries of training jobs, and in limits on them."""


class Part(Struct, frozen=True, omit_defaults=True):
    """A part of a call that was priced on its own: one sampling turn, at the model that it ran on."""

    usage: Usage
    cost: Cost
    model: str = ""  # Empty: the call's own.
    doubtful: bool = False  # Whether it is charged at all is not known.


class Shape(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a call asked, as far as routing looks at it and the rest of its entry does not say: enough to decide on it
    again. Not a word of the prompt."""

    dialect: str = ""  # The caller's. Empty: the call cannot be decided on again.
    input_max: int = 0  # Input tokens that were set aside for.
    output_max: int | None = None  # The caller's own cap, for one choice.
    choices: int = 1
    turns: int = 1
    needs: tuple[str, ...] = ()  # As in Facts, sorted.
    reasons: bool = False
    images: int = 0
    files: int = 0
    service_tier: str = ""  # That was asked for.
    provider: str = ""  # The only one that it might go to, where the path named it.


class Entry(Struct, frozen=True, omit_defaults=True):
    """One immutable ledger line. `id` is unique for ever: recording it twice changes nothing.

    What it says is enough to price it again: the counters, the parts, the served conditions and the moment.
    """

    id: str  # "<request id>.<attempt number>", and "~<number>" after that for an adjustment.
    request_id: str
    at: float  # Unix seconds when the attempt left, or the cache answered.
    caller: Caller
    asked_model: str  # The name that the caller used.
    provider: str
    model: str  # The deployment's model.
    served_model: str  # What the provider said it was, or the same.
    tier: str
    selfhosted: bool
    reason: str  # Why it went there, as a sentence.
    usage: Usage
    cost: Cost
    held_nanos: int  # What was set aside for it at the end.
    outcome: Outcome
    status: int  # The HTTP status that the caller saw.
    service_tier: str = ""
    saved_nanos: int = 0  # Against the answer bought again, for one from the cache; against answering at once, for
    # one with a deadline.
    first_token_ms: int | None = None
    duration_ms: int = 0
    attempts: tuple[str, ...] = ()  # What was tried before, in words.
    stream: bool = False
    session: str = ""  # The conversation that it belongs to, where that was said.
    charges: tuple[tuple[str, int], ...] = ()  # (account, amount spent on it), as booked on the limits.
    replica: str = ""  # Whose account it was charged to; empty for what is older than replicas.
    usage_raw: str = ""  # The usage as the provider wrote it, JSON.
    parts: tuple[Part, ...] = ()  # Where parts were priced on their own: then `cost` is their sum.
    clamped: bool = False  # The provider's counters contradicted each other and were mended.
    adjusts: str = ""  # The id of the entry that this one adjusts. `at` is the other's, so that periods stay whole.
    adjusted_at: float = 0.0  # Unix seconds when that was done.
    answer_id: str = ""  # The provider's own name for its answer: "resp_…", "chatcmpl-…", "msg_…".
    shape: Shape = Shape()  # What was asked.
    policy: str = ""  # That decided, by its dotted name.
    cluster: int = NO_CLUSTER  # Which kind of prompt it was, for a policy that predicts success.
    arm: str = ""  # On which side of the guard's comparison it was: see Arm.
    prompt: PromptNote | None = None  # Of its prompt at the provider's cache, where that was watched.
    backend: str = ""  # Which engine of ours it was, by host and port; empty for all others.
    occupied: Occupied | None = None  # How it used the machine below that, where its time is paid for.

    @property
    def deployment(self) -> str:
        """The name of the deployment that it went to: "openai/gpt-4o", "local@10.0.0.5:8000/llama-70b"."""
        return f"{self.provider}@{self.backend}/{self.model}" if self.backend else self.group

    @property
    def group(self) -> str:
        """The same without the engine: "local/llama-70b"."""
        return f"{self.provider}/{self.model}"

    @property
    def of_machine(self) -> bool:
        """Whether it is time of a machine of ours that is paid by the hour."""
        return self.cost.price_id is not None and self.cost.price_id.startswith(MACHINE_PRICE)

    @property
    def of_nobody(self) -> bool:
        """Whether it is what nobody used of such a machine, or adjusts that."""
        return self.id.startswith(IDLE_ID)

    @property
    def price_ids(self) -> frozenset[str]:
        """The prices that its cost is made of."""
        costs = [part.cost for part in self.parts] or [self.cost]
        return frozenset(cost.price_id for cost in costs if cost.price_id is not None)

    @property
    def uncounted(self) -> bool:
        """Whether nobody knows what was used: then it is booked at all that was held."""
        return not self.usage.final and not self.usage.tokens and self.usage.extras is None
