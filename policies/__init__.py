"""Routing policies: one pure function a file. They know the words of gateway.core and nothing else."""
