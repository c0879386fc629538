"""`fareway top`: what is being spent, while it happens, in a terminal."""
