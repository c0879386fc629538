"""`fareway prices`: what models cost, which price says so, and which price list counts."""
