"""Calls of the ledger decided on again, by the code that decided on them."""
