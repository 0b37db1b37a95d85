"""Scoring on GPUs: stored pixels are copied to the device, classes and scores of finished rows to the host.

The code works on torch tensors of any device, so that tests run it on the CPU. It is imported only if a
network was loaded on a GPU.
"""
