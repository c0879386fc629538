"""Calls whose answer may come later: kept on disk, sent by the cheapest way that their deadline allows."""
