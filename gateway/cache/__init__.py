"""Answered before: answers kept for the same question of the same key, and calls joined in flight."""
