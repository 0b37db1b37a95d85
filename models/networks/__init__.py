"""PyTorch modules that geoseg trains and exports."""
