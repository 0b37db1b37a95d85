"""Protocols that compare pretrained encoders, and the files of their results."""
