"""The engine: read, normalize, score, blend, decide, polygons, write; the same on CPU and GPU."""
