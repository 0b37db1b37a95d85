"""The engine: read, normalise, score, blend, decide, polygons, write; the same on CPU and GPU."""
