"""The weight-free science on arrays: pure functions, each with its equation and source."""
