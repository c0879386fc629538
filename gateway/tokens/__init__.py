"""How big is it? `bound` answers at once and never too low, `measure` and a `Calibration` say what is likely, and
`Tokens` counts, off the event loop."""

from gateway.tokens.bounds import bound
from gateway.tokens.count import Tokens
from gateway.tokens.size import measure

__all__ = ["Tokens", "bound", "measure"]
