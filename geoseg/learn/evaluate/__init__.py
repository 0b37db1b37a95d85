"""Evaluate maps with labels and reference samples: accuracy with confidence intervals, and calibration."""
