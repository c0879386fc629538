"""How a call used a machine of ours: enough to divide the machine's time anew."""

from __future__ import annotations

from msgspec import Struct

MACHINE_PRICE = "gpu:"
"""How the id of a price begins that is a machine's, by the hour."""

IDLE_ID = "idle:"
"""How the id of an entry begins that stands for a machine's time which nobody used."""


class Occupied(Struct, frozen=True, gc=False, omit_defaults=True):
    """Moments are Unix nanoseconds; weights say how much of the machine the call asked for, beside others."""

    began_ns: int  # It left for the machine.
    prefill: int  # Its weight while its prompt was read; of an answer that did not stream, all the time.
    decode: int = 0  # Its weight after its first token.
    first_token_ns: int = 0  # 0: it did not stream, or none came.
    ended_ns: int = 0  # 0: nobody knows. We died.
    marginal_picos: int | None = None  # What one more call was thought to add to the bill, when it was decided on.
