"""Evaluate the detection of methane plumes with simulated plumes of known source rate."""
