"""PyTorch modules: what is trained and exported. With `geoseg.learn.train`, all that imports torch."""
