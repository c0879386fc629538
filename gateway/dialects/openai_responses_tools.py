"""Tools of a response: whose they are to run."""

from __future__ import annotations

from typing import Any

import msgspec

_CALLERS = frozenset({"function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview"})
"""Those that the caller runs. Any other is the provider's, and may put into the prompt what it likes."""

_CALLERS_NAMED = ("function", "custom")
"""Those that can stand in a namespace."""


class Tool(msgspec.Struct):
    """A tool as it is declared."""

    type: str = ""
    tools: Any = None  # In a namespace.

    @property
    def callers(self) -> bool:
        """Whether the caller runs it, or all that are in it."""
        if self.type != "namespace":
            return self.type in _CALLERS
        inner = self.tools if isinstance(self.tools, list) else [None]
        return all(isinstance(tool, dict) and tool.get("type") in _CALLERS_NAMED for tool in inner)
