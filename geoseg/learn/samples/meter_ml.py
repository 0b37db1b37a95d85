"""METER-ML as its publishers lay it out (Zhu et al. 2022, arXiv:2207.11166): sites with arrays and pictures.

    train_dataset.geojson                     Image_Folder `train_images/ID`, Type `CAFOs-Landfills`
    train_images/train_images_1/ID/naip.png   720 x 720: red, green, blue and, as alpha, near infrared
      sentinel-2-10m.npy                      72 x 72 x 4 numbers: red, green, blue, nir
      sentinel-2-20m.npy                      36 x 36 x 6: three red edges, nir08, swir16, swir22

Names and orders are those of the reader of the publishers' own group (github.com/stanfordmlgroup/USat); parts
`val` and `test` have no further folder. The arrays of Sentinel-2 include the cirrus band, so they are of
Level-1C. The scale of `sentinel-1.npy` to dB is not stated anywhere, so that it is not read.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import rasterio
import yaml
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.files.disk import writing
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.learn.samples.sample_files import ROLES, table_rows
from geoseg.outputs.report import Table, columns
from geoseg.run_record import Progress
from geoseg.scenes.datasets import open_dataset
from geoseg.spec.documents import find_document

FOLDER, TYPE = "Image_Folder", "Type"
"""Columns of the tables."""
SITES = "sites.csv"
CONFIG = "meter-ml"
"""Name of the config; without Sentinel-1 it is written beside the sites."""
NEGATIVE = "negative"

CLASSES: Mapping[str, str] = {
    "cafos": "concentrated animal feeding operations",
    "mines": "coal mines",
    "landfills": "landfills",
    "processingplants": "natural-gas processing plants",
    "procplants": "natural-gas processing plants",
    "refineriesandterminals": "oil refineries & petroleum terminals",
    "rts": "oil refineries & petroleum terminals",
    "wwtreatment": "wastewater treatment plants",
    "wwtps": "wastewater treatment plants",
    "negative": NEGATIVE,
    "roundabout": NEGATIVE,
}
"""Label of a class in the config `meter-ml`, by the letters of its name in the tables."""

TEN = ("red", "green", "blue", "nir")
TWENTY = ("rededge071", "rededge075", "rededge078", "nir08", "swir16", "swir22")
NAIP = ("red", "green", "blue", "nir")
SIDE, FINE = 72, 720
"""Pixels of a side at 10 m and at 1 m."""


def import_meter_ml(
    root: Path, parts: Sequence[str], folder: Path, progress: Progress, limit: int | None = None
) -> int:
    """Write the sites of METER-ML, and the config `meter-ml.yaml` that reads them; return their number.

    The config is `meter-ml` without Sentinel-1. `sites.csv` lists the sites; `sentinel-2/ID.tif` has ten
    bands of numbers (reflectance x 10,000) of 10 m, those of 20 m repeated, and `naip/ID.tif` four bands of
    8 bits.

    Args:
        root: folder of the set.
        parts: of the split: `train`, `val`, `test`.
        folder: is created.
        progress: receives the number of sites.
        limit: greatest number of sites of a part; None: all.

    Raises:
        UsageError: a part does not exist.
        SceneReadError: a file is missing or cannot be read.
        SceneError: a table lacks a column or has an unknown class, or an array has another size.
        OutputError: a file cannot be written.
    """
    there = folder.exists()
    try:
        return _import(root, parts, folder, progress, limit)
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _import(root: Path, parts: Sequence[str], folder: Path, progress: Progress, limit: int | None) -> int:
    """Write images and table; for the arguments see `import_meter_ml`."""
    rows: list[list[str]] = []
    if unknown := [part for part in parts if part.lower() not in ROLES]:
        raise UsageError(f"meter-ml has no part {unknown[0]!r}: `--splits` takes train, val, test")
    for role in dict.fromkeys(ROLES[part.lower()] for part in parts):
        places = _folders(root / f"{role}_images")
        listed = list(islice(_listed(root, role), limit))
        for number, (name, labels) in enumerate(listed, start=1):
            place = places.get(name)
            if place is None:
                raise SceneReadError(
                    f"{root / f'{role}_images'}: the folder {name} of a site is missing; unpack all "
                    "archives, or leave the part out of `--splits`"
                )
            site = f"{role}-{name}"
            _write(folder / "sentinel-2" / f"{site}.tif", _sentinel2(place), (*TEN, *TWENTY))
            _write(folder / "naip" / f"{site}.tif", _naip(place / "naip.png"), NAIP)
            rows.append([site, role, ";".join(labels)])
            progress(number, len(listed), "sites")
    if not rows:
        raise SceneError(f"{root}: the tables list no sites")
    with writing(folder / SITES):
        table = Table(columns=columns("id", "split", "labels"), rows=[list(row) for row in rows])
        (folder / SITES).write_text(table.to_csv(), encoding="utf-8")
        (folder / f"{CONFIG}.yaml").write_text(_config(), encoding="utf-8")
    return len(rows)


def _config() -> str:
    """Return the text of the config without Sentinel-1, which is not imported."""
    table = yaml.safe_load(find_document(CONFIG, "train")[1])
    table["sensors"] = [sensor for sensor in table["sensors"] if sensor["name"] != "sentinel-1"]
    table["title"] = "Facilities that may emit methane, from Sentinel-2 and NAIP"
    return yaml.safe_dump(table, sort_keys=False, allow_unicode=True, width=110)


def _listed(root: Path, role: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield folder and classes of each site of a part."""
    names = [f"{role}_dataset.geojson", f"{role}.geojson"]
    path = next((root / name for name in names if (root / name).is_file()), root / names[0])
    if not path.is_file():
        raise SceneReadError(
            f"{path} does not exist; set the folder of METER-ML with `--argument root=FOLDER`, or leave the "
            "part out of `--splits`"
        )
    for number, row in enumerate(table_rows(path, hint="give the tables of METER-ML"), start=1):
        if missing := [name for name in (FOLDER, TYPE) if name not in row]:
            raise SceneError(f"{path}, row {number}: the column {missing[0]!r} is missing")
        found = []
        for name in row[TYPE].split("-"):
            label = CLASSES.get(re.sub("[^a-z]", "", name.lower()))
            if label is None:
                raise SceneError(f"{path}, row {number}: {TYPE} has the unknown class {name.strip()!r}")
            found.append(label)
        present = tuple(label for label in dict.fromkeys(found) if label != NEGATIVE)
        yield row[FOLDER].rstrip("/").rpartition("/")[2], present or (NEGATIVE,)


def _folders(place: Path) -> dict[str, Path]:
    """Return the folders of sites by name: in a folder, or in the folders in it that archives make."""
    found: dict[str, Path] = {}
    for item in sorted(place.iterdir()) if place.is_dir() else []:
        inner = sorted(part for part in item.iterdir() if part.is_dir()) if item.is_dir() else []
        found.update({part.name: part for part in inner} if inner else {item.name: item})
    return found


def _sentinel2(place: Path) -> NDArray[np.uint16]:
    """Return (10, 72, 72) numbers."""
    fine = _array(place / "sentinel-2-10m.npy", (SIDE, SIDE, len(TEN)))
    coarse = _array(place / "sentinel-2-20m.npy", (SIDE // 2, SIDE // 2, len(TWENTY)))
    both = np.concatenate([fine, coarse.repeat(2, axis=0).repeat(2, axis=1)], axis=2)
    return both.transpose(2, 0, 1).astype(np.uint16)


def _array(path: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    opened(path)
    with opening(path, "unpack METER-ML again"), path.open("rb") as file:
        # np.load would open an archive of arrays too.
        found: NDArray[np.integer] = np.lib.format.read_array(file, allow_pickle=False)
    numbers = found.dtype.kind in "iu" and found.size and 0 <= found.min() <= found.max() < 2**16
    if found.shape != shape or not numbers:
        raise SceneError(
            f"{path}: its shape is {found.shape} and its type {found.dtype}; images of METER-ML have "
            f"the shape {shape} and integers of 0..65535"
        )
    return found


def _naip(path: Path) -> NDArray[np.uint8]:
    """Return (4, 720, 720): the alpha of the picture is its near infrared."""
    opened(path)
    with opening(path, "unpack METER-ML again"), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(str(path)) as dataset:
            found = dataset.read()
    if found.shape != (len(NAIP), FINE, FINE) or found.dtype != np.uint8:
        raise SceneError(
            f"{path}: {found.shape} values of {found.dtype}, not four bands of {FINE} x {FINE} bytes"
        )
    return np.asarray(found, np.uint8)


def _write(path: Path, planes: NDArray[np.generic], names: Sequence[str]) -> None:
    count, height, width = planes.shape
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", driver="GTiff", width=width, height=height, count=count, dtype=planes.dtype,
                compress="deflate", photometric="minisblack", alpha="no",
            ) as file:  # fmt: skip
                file.write(planes)
                file.descriptions = tuple(names)
