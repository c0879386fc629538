"""Fareway: the LLM gateway that knows the fare before it travels. Start reading at `pipeline.py`."""

__version__ = "0.1.0"
