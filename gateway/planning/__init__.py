"""What models would cost elsewhere, later, or trained: plain functions of numbers, and of entries from the ledger.

Amounts are Money, everything else whole numbers or fractions; only what is an estimate by statistics is rounded before
the end. Nothing here reads a ledger or a clock: whoever calls brings entries and moments.
"""
