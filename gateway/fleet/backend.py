"""One engine behind a provider's name: what is known of it. The watcher writes it, the router reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from gateway.fleet.machine import Machine
from gateway.fleet.meter import Meter


class State(StrEnum):
    """Whether calls go there. They do while it is ready."""

    STARTING = "starting"  # It has not answered yet.
    WARMING = "warming"  # It answers, and its model is not loaded yet.
    READY = "ready"
    DRAINING = "draining"  # It gets no new call; those in flight end.
    DOWN = "down"  # It takes no connection, does not answer any more, or with an error.


class Load(Struct, frozen=True, gc=False):
    """What an engine said of its work. None: it does not say."""

    at: float = 0.0  # Unix seconds; 0 before it has said anything.
    running: int | None = None  # Calls that it works on, whoever they are from,
    waiting: int | None = None  # and calls that wait for room in it.
    cache_used: float | None = None  # The share of its KV cache in use, 0 to 1.
    hit_rate: float | None = None  # The share of lately read prompt tokens that were in its prefix cache, 0 to 1.
    prompt_tokens: int | None = None  # Since it started,
    generated_tokens: int | None = None  # and what it wrote.


class Speed(Struct, frozen=True, gc=False):
    """How fast an engine was when it last worked, between two looks. None: it does not say."""

    prompt: float | None = None  # Tokens a second that it read, all calls together,
    generated: float | None = None  # and that it wrote.
    first_token_s: float | None = None  # How long a call waited for its first token, on average,
    request_s: float | None = None  # and how long it took.


IDLE = Speed(prompt=0.0, generated=0.0)


@dataclass(slots=True)
class Backend:
    """See the module."""

    provider: str  # "local"
    name: str  # Host and port: "10.0.0.5:8000".
    base_url: str
    kind: str = ""  # Which engine: vllm, sglang, llamacpp, tgi or ollama; empty for any that speaks OpenAI's dialects.
    machine: Machine | None = None
    seen: State = State.STARTING  # All but draining.
    why: str = ""  # Why it is not ready.
    drained: str = ""  # Who has said that it gets no new calls; empty for nobody.
    noticed: str = ""  # What its cloud says of taking the machine back; empty while it does not.
    models: frozenset[str] | None = None  # That it serves; None: it does not say, so it may be any.
    load: Load = field(default_factory=Load)
    speed: Speed = field(default_factory=Speed)
    meter: Meter | None = None  # What calls owe to its machine, where that has a price.

    @property
    def state(self) -> State:
        """Whether calls go there."""
        return State.DRAINING if (self.drained or self.noticed) and self.seen is not State.DOWN else self.seen

    @property
    def told(self) -> str:
        """Why it takes no calls; empty where it does."""
        return self.why or self.drained or self.noticed

    @property
    def speed_now(self) -> Speed:
        """Nothing is read and written where nobody waits or is answered; else as when it last worked."""
        idle = self.load.running == 0 and not self.load.waiting
        return IDLE if idle and self.speed != Speed() else self.speed

    @property
    def id(self) -> str:
        """Unique in the gateway, and what its deployments' names begin with: "local@10.0.0.5:8000"."""
        return f"{self.provider}@{self.name}"

    def serves(self, model: str) -> bool:
        """Whether it has the model, as far as it says."""
        return self.models is None or model in self.models
