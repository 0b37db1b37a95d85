"""Training and export: labelled rasters become a bundle. Needs the extra `train`."""
