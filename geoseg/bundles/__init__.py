"""Bundles: models with their descriptions, found by name, folder or file, and checked."""
