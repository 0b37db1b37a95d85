"""Outputs: one file a format; written beside their place, renamed when whole."""
