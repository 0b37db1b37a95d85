"""Segmentation by any network, class rasters to polygons, and TensorRT engines of segmentation bundles."""
