"""State that outlives a process or is shared between several, behind one protocol."""
