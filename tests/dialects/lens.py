"""Dialects as most tests want them: bytes in, bytes out."""

from __future__ import annotations

from gateway.core.request import Asked


class OnBytes:
    """A dialect whose requests are bodies alone."""

    def __init__(self, dialect):
        self.dialect = dialect

    def read(self, body):
        return self.dialect.read(Asked(body))

    def aim(self, body, model, facts):
        return self.dialect.aim(Asked(body), model, facts).body

    def countable(self, body):
        return self.dialect.countable(Asked(body))

    def __getattr__(self, name):
        return getattr(self.dialect, name)
