"""Pictures of forecasts, comparisons and tableaus."""
