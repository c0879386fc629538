"""Wire formats as lenses: they read bytes, aim them, watch answers go by, and say no in the caller's own shape."""
