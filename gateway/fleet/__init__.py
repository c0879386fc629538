"""Own machines with engines on them: what they cost, what they serve, and how they are doing."""
