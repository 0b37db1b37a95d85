"""Stands in the way of the package of this name: a lone module holds no networks."""
