"""Training jobs: what they cost while they run, held ahead on the limits of whoever pays, and booked as they go."""
