"""Methane: columns of a scene, plumes with rates, facilities that they come from."""
