"""The steps of the journey that join several parts. `gateway/pipeline.py` says in which order."""
