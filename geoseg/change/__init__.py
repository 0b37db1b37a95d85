"""Change between two dates without a network: methods, their thresholds, and the session that maps them."""
