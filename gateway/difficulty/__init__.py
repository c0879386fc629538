"""How hard a prompt is: the chance that a model answers it well, learned from scores."""
