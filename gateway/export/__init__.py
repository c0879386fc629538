"""The ledger for other programs: a table of calls, or of charges in the words of FOCUS."""
