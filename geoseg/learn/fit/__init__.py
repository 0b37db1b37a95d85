"""Fit a network to labelled points or polygons: features of pixels, a small classifier, one ONNX graph."""

from __future__ import annotations
