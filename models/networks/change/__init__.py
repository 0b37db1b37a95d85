"""Networks that take two dates at once and say where they differ.

All share one contract: two tensors (N, C, H, W) of the same bands, normalised, go in; logits (N, K, H, W)
come out, one plane for two classes. H and W are multiples of 32.
"""
