"""The schema of the ledger in PostgreSQL, revision by revision; gateway.ledger.postgres_schema applies it."""
