"""HTTP in: the data plane, health, metrics and live events."""
