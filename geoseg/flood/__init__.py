"""Water and flood without a network: methods, their thresholds, and the session that maps them."""
