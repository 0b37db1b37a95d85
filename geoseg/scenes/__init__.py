"""Scenes: rasters of any product kind, opened as named bands on one grid.

`open_scene` is the way in. One file a product kind; `scene.py` holds the reader they all share,
`stack.py` puts several scenes and layers on one grid.
"""
