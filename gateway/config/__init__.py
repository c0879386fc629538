"""Configuration: YAML, checked, as immutable settings. No other part knows pydantic or YAML."""
