"""What a system says in the middle of a conversation.

Put before everything else it would change how the prompt begins, and so take the whole conversation out of the
provider's cache each time that an agent is reminded of something. It stays in its place, in the user's turn, marked as
whose word it is (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages says what is
lost otherwise; providers take a system's role there for some models alone).
"""

from __future__ import annotations


def in_turn(text: str) -> str:
    """The same text, as it stands in the user's turn."""
    return f"<system>\n{text}\n</system>"
