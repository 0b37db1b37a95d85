"""Make maps of real rasters and compare their fingerprints, to show that refactoring changes no map.

    python bench/fingerprint.py --write before.json            # before the change
    python bench/fingerprint.py --against before.json          # after the change: exit 1 where a map differs
    python bench/fingerprint.py --against before.json --only change

The fingerprint of a map is the SHA-256 of its class raster, of its score raster, and of its polygons with all
attributes, in order, without the run record. Rasters are read from `GEOSEG_TEST_DATA` (default
`../shared/data`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas
import pyogrio
import rasterio

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GEOSEG_TEST_DATA", ROOT.parent / "shared" / "data"))
LANDSAT = "LC08_L2SP_008059_20191201_20200825_02_T1"
LAKE = ("scene-s2/dal_lake_green.tif", "scene-s2/dal_lake_nir.tif")
LAYERS_LEFT_OUT = {"layer_styles", "scene", "class_totals"}


def pair(city: str) -> tuple[str, str]:
    """Return the folders of both dates of a city."""
    return f"change-s2/{city}/before", f"change-s2/{city}/after"


def commands() -> dict[str, list[str]]:
    """Return the arguments of each map by name; paths are relative to the data folder."""
    sar = sorted(path.name for path in (DATA / "flood-s1/bangladesh/s1").glob("*.tif"))[0]
    carolina = sorted(path.name for path in (DATA / "flood-s1/us-carolina/s1").glob("*.tif"))[0]
    naip = sorted(str(path.relative_to(DATA)) for path in (DATA / "series-naip").glob("*.tif"))
    return {
        "flood-landsat-l1": ["flood", "landsat8-l1"],
        "flood-landsat-l2": ["flood", f"products/{LANDSAT}"],
        "flood-awei": ["flood", pair("paris")[1], "--method", "awei-nsh"],
        "flood-sar-auto": ["flood", f"flood-s1/bangladesh/s1/{sar}"],
        "flood-sar-vh": ["flood", f"flood-s1/us-carolina/s1/{carolina}", "--method", "sar-vh"],
        "flood-sar-hsba": [
            "flood", f"flood-s1/bangladesh/s1/{sar}", "--method", "sar-vv", "--thresholding", "hsba"
        ],
        "flood-permanent": [
            "flood", "sar-dem/test_features", "--permanent-water", "sar-dem/jrc_extent/ayt12.tif",
        ],
        "flood-ndwi": ["flood", *LAKE, "--method", "ndwi", "--sensor", "sentinel-2-l1c"],
        "flood-before": [
            "flood", pair("paris")[1], "--before", pair("paris")[0], "--method", "mndwi"
        ],
        "flood-no-crs": ["flood", "water-hls/image/5.tif", "--sensor", "hls"],
        "segment-water": ["segment", pair("paris")[0], "--model", "water-optical"],
        "change-auto": ["change", *pair("bercy")],
        "change-coregister": ["change", *pair("bordeaux"), "--coregister"],
        "change-cva": ["change", *pair("hongkong"), "--method", "cva"],
        "change-irmad": ["change", *pair("saclay_e"), "--method", "irmad"],
        "change-network": ["change", *pair("paris"), "--model", "water-optical"],
        "change-naip": ["change", naip[1], naip[-1], "--sensor", "naip"],
        "methane-mbmp": [
            "methane", "plume", pair("abudhabi")[1], "--reference", pair("abudhabi")[0], "--wind", "4",
            "--satellite", "sentinel-2a",
        ],
    }  # fmt: skip


def digest(path: Path) -> str:
    """Return the SHA-256 of the values and the georeference of a raster."""
    with rasterio.open(path) as file:
        georeference = f"{file.crs}{file.transform}{file.dtypes}{file.nodata}"
        return hashlib.sha256(file.read().tobytes() + georeference.encode()).hexdigest()


def polygons(path: Path) -> dict[str, str]:
    """Return number of rows and SHA-256 of geometries and columns, for each layer."""
    digests = {}
    for layer in pyogrio.list_layers(path)[:, 0]:
        if layer in LAYERS_LEFT_OUT:
            continue
        frame = geopandas.read_file(path, layer=layer)
        table = frame.drop(columns="geometry").to_csv(index=False) if "geometry" in frame else frame.to_csv()
        shapes = "".join(frame.geometry.to_wkb(hex=True)) if "geometry" in frame else ""
        digests[str(layer)] = f"{len(frame)} {hashlib.sha256((table + shapes).encode()).hexdigest()}"
    return digests


def fingerprint(arguments: list[str], folder: Path) -> dict[str, object]:
    """Make a map with the installed command and return its fingerprint, or the exit code of an error."""
    out, classes, scores = folder / "map.gpkg", folder / "classes.tif", folder / "scores.tif"
    command = [str(Path(sys.executable).with_name("geoseg")), *arguments]
    command += ["-o", str(out), "--raster", str(classes), "--scores", str(scores), "--overwrite", "-q"]
    done = subprocess.run(command, cwd=DATA, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"exit": done.returncode, "error": done.stderr.strip().splitlines()[-1:]}
    return {"exit": 0, "classes": digest(classes), "scores": digest(scores), **polygons(out)}


def main() -> int:
    """Write fingerprints, or compare them with earlier ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="JSON file for the fingerprints")
    parser.add_argument("--against", type=Path, help="JSON file of fingerprints to compare with")
    parser.add_argument("--only", default="", help="only maps whose name begins with this text")
    options = parser.parse_args()
    before = json.loads(options.against.read_text()) if options.against else {}
    fingerprints, different = {}, 0
    for name, arguments in commands().items():
        if not name.startswith(options.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            fingerprints[name] = fingerprint(arguments, Path(folder))
        same = name not in before or before[name] == fingerprints[name]
        different += not same
        print(
            f"{name:20} exit {fingerprints[name]['exit']}  "
            f"{'' if not before else 'same' if same else 'DIFFERENT'}"
        )
    if options.write:
        options.write.write_text(json.dumps(fingerprints, indent=1) + "\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
