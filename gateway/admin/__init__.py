"""The admin API: keys, whom they belong to, limits, prices and reports, on a port of its own."""
