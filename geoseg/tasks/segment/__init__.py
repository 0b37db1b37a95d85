"""Maps by segmentation networks, polygons of class rasters, and TensorRT engines."""
