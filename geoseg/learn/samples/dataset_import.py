"""Write the samples of a Python data set as files: the adapter of TorchGeo's and alike data sets.

A data set is anything with the interface of `torchgeo.datasets`: `NonGeoDataset` (`len` and an index) or
`GeoDataset` (`bounds`, `res`, `crs` and a query by slices, as of TorchGeo 0.8), whose samples are tables with
`image` and `mask`, or `image` and `label`. Tensors are read by numpy: neither torch nor TorchGeo is needed
here.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.errors import SceneError
from geoseg.files.disk import writing
from geoseg.learn.samples.sample_files import ROLES
from geoseg.outputs.report import Table, columns
from geoseg.run_record import Progress

TABLE, SITES, SNIPPET = "samples.csv", "sites.csv", "data.json"
"""Tables of samples with masks and with labels, and the keys of `data` in a config."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How samples are written."""

    bands: tuple[str, ...]
    """Names of the channels, in their order."""
    side: int = 512
    """Side in pixels of the tiles that a `GeoDataset` is divided into."""
    limit: int | None = None
    """Greatest number of samples of each part; None: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A sample and where it is."""

    sample: Mapping[str, Any]
    crs: object | None = None
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east, north."""


def import_datasets(
    parts: Mapping[str, Any], folder: Path, options: ImportOptions, progress: Progress
) -> int:
    """Write the samples of data sets as GeoTIFF with a table; return their number.

    The folder gets `samples.csv` (samples with masks) or `sites.csv` (with labels) and `data.json`, the keys
    of `data` in a config of geoseg train. Values are stored as the data set gives them: the config states
    units.

    Args:
        parts: data sets by the part of the split: `train`, `val`, `test`; "": no split.
        folder: is created, and removed if a sample is refused.
        options: names of bands and sizes.
        progress: receives the number of samples.

    Raises:
        SceneError: a sample has other keys, shapes or values, or there is none.
        OutputError: a file cannot be written.
    """
    there = folder.exists()
    try:
        return _import(parts, folder, options, progress)
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _import(parts: Mapping[str, Any], folder: Path, options: ImportOptions, progress: Progress) -> int:
    """Write the samples and the tables; for the arguments see `import_datasets`."""
    rows: list[dict[str, str]] = []
    for part, dataset in parts.items():
        role = ROLES.get(part.lower(), "") if part else ""
        if part and not role:
            raise SceneError(f"part {part!r} is not one of {', '.join(ROLES)}")
        for number, item in enumerate(islice(_items(dataset, options), options.limit)):
            name = f"{role or 'sample'}-{number:06d}"
            rows.append({"id": name, "split": role, **_write(item, folder, name, dataset, options)})
            progress(number + 1, max(number + 1, _count(dataset, options)), "samples")
    if not rows:
        raise SceneError("the data set has no samples")
    if len({tuple(row) for row in rows}) > 1:
        raise SceneError("some samples have a mask and others a label; import them by themselves")
    masks = "label" in rows[0]
    table = TABLE if masks else SITES
    with writing(folder / table):
        text = Table(columns=columns(*rows[0]), rows=[list(row.values()) for row in rows]).to_csv()
        (folder / table).write_text(text, encoding="utf-8")
    with writing(folder / SNIPPET):
        (folder / SNIPPET).write_text(json.dumps(_snippet(folder, options, masks=masks), indent=1))
    return len(rows)


def _snippet(folder: Path, options: ImportOptions, *, masks: bool) -> dict[str, object]:
    """Return the keys of `data` in a config of the imported set."""
    if not masks:
        return {"root": str(folder), "table": SITES}
    bands = {name: number for number, name in enumerate(options.bands, start=1)}
    return {
        "root": str(folder),
        "table": TABLE,
        "images": [{"files": "image/{id}.tif", "bands": bands}],
        "labels": {"files": "label/{id}.tif"},
    }


def _is_geo(dataset: Any) -> bool:
    """Return whether a data set is queried by coordinates, not by numbers."""
    return hasattr(dataset, "bounds") and hasattr(dataset, "res")


def _count(dataset: Any, options: ImportOptions) -> int:
    number = 0 if _is_geo(dataset) else len(dataset)
    return number if options.limit is None else min(number, options.limit)


def _items(dataset: Any, options: ImportOptions) -> Iterator[_Item]:
    """Yield the samples of a data set, those of a `GeoDataset` tile by tile from the upper left."""
    if not _is_geo(dataset):
        for number in range(len(dataset)):
            yield _Item(sample=dataset[number])
        return
    x, y = dataset.bounds[:2]
    resolution = dataset.res
    width, height = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    for north in _steps(y.stop, y.start, -options.side * height):
        south = max(north - options.side * height, y.start)
        for west in _steps(x.start, x.stop, options.side * width):
            east = min(west + options.side * width, x.stop)
            try:
                sample = dataset[west:east, south:north]
            except IndexError:  # no file covers the tile
                continue
            yield _Item(sample=sample, crs=sample.get("crs", dataset.crs), bounds=(west, south, east, north))


def _steps(first: float, last: float, step: float) -> Iterable[float]:
    """Return where tiles begin between two coordinates; less than half a pixel at the end is no tile."""
    number = max(1, int(np.ceil((last - first) / step - 1e-6)))
    return (first + index * step for index in range(number))


def _write(item: _Item, folder: Path, name: str, dataset: Any, options: ImportOptions) -> dict[str, str]:
    """Write a sample, and return its columns of the table."""
    sample = item.sample
    if "image" not in sample or not {"mask", "label"} & set(sample):
        raise SceneError(
            f"{name}: the sample has {', '.join(map(str, sample)) or 'no keys'}; it needs image, and mask "
            "or label"
        )
    image = np.asarray(sample["image"])
    if image.ndim == 4 and len(image) == 1:
        image = image[0]
    if image.ndim != 3:
        raise SceneError(f"{name}: image has {image.ndim} axes; it needs three: band, row, column")
    if len(image) != len(options.bands):
        raise SceneError(
            f"{name}: images have {len(image)} bands, and `--channels` names {len(options.bands)}"
        )
    _save(folder / "image" / f"{name}.tif", image.astype(np.float32), item, options.bands)
    if "mask" not in sample:
        return {"labels": ";".join(_names(sample["label"], dataset))}
    mask = np.asarray(sample["mask"])
    mask = mask.reshape(mask.shape[-2:]) if mask.size == np.prod(mask.shape[-2:]) else mask
    if mask.shape != image.shape[1:]:
        raise SceneError(f"{name}: mask is {mask.shape}, and the image {image.shape[1:]} pixels")
    if not np.array_equal(mask, np.round(mask)):
        raise SceneError(f"{name}: mask has values between whole numbers; geoseg trains on classes")
    kind = np.uint8 if mask.min() >= 0 and mask.max() <= 255 else np.int32
    _save(folder / "label" / f"{name}.tif", mask[None].astype(kind), item, ("class",))
    return {"image": f"image/{name}.tif", "label": f"label/{name}.tif"}


def _names(label: Any, dataset: Any) -> list[str]:
    """Return the names of the classes of a label: a number, or a vector of 0 and 1."""
    values = np.asarray(label)
    numbers = [int(values)] if values.size == 1 else [int(place) for place in np.flatnonzero(values)]
    classes = getattr(dataset, "classes", None)
    return [str(classes[number]) if classes else str(number) for number in numbers]


def _save(path: Path, planes: NDArray[Any], item: _Item, names: Sequence[str]) -> None:
    """Write planes (B, H, W), with their place where it is known."""
    count, height, width = planes.shape
    where: dict[str, object] = {}
    if item.bounds is not None:
        west, south, east, north = item.bounds
        step = (east - west) / width, (north - south) / height
        crs = CRS.from_user_input(item.crs).to_wkt() if item.crs is not None else None
        where = {"transform": Affine(step[0], 0, west, 0, -step[1], north), "crs": crs}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", driver="GTiff", width=width, height=height, count=count, dtype=planes.dtype,
                compress="deflate", **where,
            ) as file:  # fmt: skip
                file.write(planes)
                file.descriptions = tuple(names)
