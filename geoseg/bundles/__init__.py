"""Bundles: what a model says of itself, found by name, folder or file, and checked."""
