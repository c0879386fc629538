"""Telling people and programs what happened, by webhook, in a chat or by mail: once, and again until it arrives."""
