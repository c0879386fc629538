"""Traces and metrics for OpenTelemetry, made from ledger entries once they are settled.

`spans`, `content` and `sending` need the extra `otel`, and are imported only where it is on.
"""
