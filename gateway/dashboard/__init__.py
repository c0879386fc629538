"""The dashboard: its files, who is logged in, and what a browser may do. The same at both ports."""
