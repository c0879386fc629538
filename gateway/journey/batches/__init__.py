"""Batches: charged at the most that they can cost when they are made, and corrected to the exact cost once they end."""
