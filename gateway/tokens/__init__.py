"""How big is it? `bound` answers at once and never too low; `Tokens` counts, off the event loop."""

from gateway.tokens.bounds import bound
from gateway.tokens.count import Tokens

__all__ = ["Tokens", "bound"]
