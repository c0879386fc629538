"""What things cost: dated prices as data, from a bundled snapshot, a live feed, and those who know better."""
