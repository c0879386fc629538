"""Telling: metrics for Prometheus, and events for whoever watches."""
