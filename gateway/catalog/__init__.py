"""Names, and what stands behind them: models, deployments, providers."""
