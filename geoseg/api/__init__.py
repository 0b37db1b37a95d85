"""The Python interface: scenes and arrays in, maps as GeoDataFrames and xarray arrays out."""
