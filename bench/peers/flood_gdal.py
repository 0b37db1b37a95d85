"""Map water by GDAL's own programs: MNDWI by gdal_calc, polygons by gdal_polygonize.

    python bench/peers/flood_gdal.py SCENE.tif OUT.gpkg

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
    # The calculation is done in blocks of the file; stored integers would overflow, so they become float32.
    index = "(A.astype('f4') - B) / (A.astype('f4') + B) > 0"
    bands = ("-A", scene, "--A_band=2", "-B", scene, "--B_band=5")
    calc = ["gdal_calc.py", "--quiet", *bands, f"--calc={index}", "--type=Byte", "--NoDataValue=0"]
    subprocess.run([*calc, f"--outfile={water}"], check=True)
    subprocess.run(["gdal_polygonize.py", "-q", water, output, "flood"], check=True)
