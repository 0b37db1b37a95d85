"""Learning: labelled rasters to a bundle, and how right maps are."""
