"""`fareway plan`: what things would cost elsewhere, later, or trained."""
