"""Parts that follow from the settings alone: a running gateway uses them, and so do commands that run none."""
