"""What engines say of themselves: which models they serve, and how busy they are. One file for each kind."""
