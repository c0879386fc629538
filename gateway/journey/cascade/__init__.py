"""The cheap ones first: asking them, reading what they answered, and going on where that will not do."""
