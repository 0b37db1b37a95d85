"""Torch: `torch_runtime` loads torch.export programs of bundles, `torch_graph` runs them."""
