"""Budgets and rate limits, one mechanism: windows, accounts, leases, holds."""
