"""Scoring on the device: stored pixels go there, classes and scores of finished rows come back.

Everything here works on torch tensors of any device, so that what runs on GPUs is tested on processors. It
is imported only where a network was loaded on a device.
"""
