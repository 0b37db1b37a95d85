"""Maps of water and flood: methods, networks, reference layers."""
