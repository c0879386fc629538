"""The composition root: where a process is put together, started, changed and stopped."""
