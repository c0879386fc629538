"""The prompt caches of providers and of own engines: what is warm where, what it is worth, and what broke it."""
