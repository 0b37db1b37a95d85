"""Train networks on labelled rasters, and evaluate the accuracy of maps."""
