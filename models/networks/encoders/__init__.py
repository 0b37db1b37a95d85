"""Encoders with pretrained weights: one contract, a module per family."""
