"""The demonstration: a map of a simulated flood, compared with its reference data."""
