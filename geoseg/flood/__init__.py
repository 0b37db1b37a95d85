"""Flood and surface water: methods, networks, reference layers."""
