"""Clouds, haze and a low sun: masks, warnings and the reflectance that a map needs."""
