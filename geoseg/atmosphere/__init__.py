"""Atmosphere: clouds, haze and a low sun: what of a scene cannot be mapped, or is corrected first."""
