"""A forecaster and its data as one page to look at, which works without a network."""
