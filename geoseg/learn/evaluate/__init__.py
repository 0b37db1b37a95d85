"""How right maps are: the commands' own maps against labels, with intervals, calibration and pictures."""
