"""Map water by Orfeo ToolBox: MNDWI by BandMath, polygons by gdal_polygonize.

    python bench/peers/flood_otb.py SCENE.tif OUT.gpkg

It has no masks of clouds, no shore, no scores, no areas and no record.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

scene, output = sys.argv[1:3]
with tempfile.TemporaryDirectory() as folder:
    water = str(Path(folder) / "water.tif")
    index = "(im1b2 - im1b5) / (im1b2 + im1b5) > 0 ? 1 : 0"
    band_math = ["otbcli_BandMath", "-il", scene, "-out", f"{water}?&nodata=0", "uint8", "-exp", index]
    subprocess.run([*band_math, "-progress", "false"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gdal_polygonize.py", "-q", water, output, "flood"], check=True)
