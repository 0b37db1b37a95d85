"""PyTorch modules: what is trained and exported. With `geoseg.train`, all that imports torch."""
