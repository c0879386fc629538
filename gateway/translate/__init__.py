"""From the caller's dialect to the provider's and back: named edges only, each for one pair, and never chained."""
