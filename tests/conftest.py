"""What holds for every test."""

from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # A property is true however long it takes to see that.
settings.load_profile("any machine")
