"""Detect change by Orfeo ToolBox: MultivariateAlterationDetector, chi-square by BandMath, gdal_polygonize.

    python bench/peers/change_otb.py BEFORE.tif AFTER.tif OUT.gpkg

Its variates have unit variance before they are subtracted, so the variance of the difference is 2 (1 - rho);
rho is read from its log. The threshold is that of chi-square at 0.001 with six degrees of freedom. It has no
masks, no classes, no areas and no record.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LEVEL = 22.458
"""Chi-square of six degrees of freedom that 0.1 % of unchanged pixels exceed."""

before, after, output = sys.argv[1:4]
with tempfile.TemporaryDirectory() as folder:
    variates, changed = (str(Path(folder) / name) for name in ("variates.tif", "changed.tif"))
    detect = ["otbcli_MultivariateAlterationDetector", "-in1", before, "-in2", after, "-out", variates]
    log = subprocess.run(
        [*detect, "-progress", "false"],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout
    found = re.search(r"Rho: ([\d. e+-]+)", log)
    if found is None:
        sys.exit(f"no correlations in the log:\n{log}")
    rho = [float(number) for number in found[1].split()]
    terms = (f"im1b{i} * im1b{i} / {2 * (1 - r)!r}" for i, r in enumerate(rho, 1))
    test = f"{' + '.join(terms)} > {LEVEL} ? 1 : 0"
    threshold = ["otbcli_BandMath", "-il", variates, "-out", f"{changed}?&nodata=0", "uint8", "-exp", test]
    subprocess.run([*threshold, "-progress", "false"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gdal_polygonize.py", "-q", changed, output, "change"], check=True)
