"""Nothing lost: the journal on local disk, and the ledger that it feeds."""
