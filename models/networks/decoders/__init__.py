"""Decoders: features of an encoder to the logits of each pixel."""
