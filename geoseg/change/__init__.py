"""Change between two dates: methods, networks, pairs of class maps, transitions and attributes."""
