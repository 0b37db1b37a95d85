"""Maps of change between two dates: methods, networks, class maps."""
