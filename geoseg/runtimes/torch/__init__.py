"""Torch: `runtime` loads networks, `module` and `operators` are ONNX in torch, `graph` runs it all."""
