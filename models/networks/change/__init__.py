"""Networks that map changes between two dates.

All have the same interface: two tensors (N, C, H, W) of the same bands, normalised, to logits (N, K, H, W),
one plane for two classes. H and W are multiples of 32.
"""
