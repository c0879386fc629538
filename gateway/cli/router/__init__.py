"""`fareway router`: what routing has learned, and what it has saved."""
