"""HDF5 and netCDF files of no sense: loops of groups, chunks of gigabytes, attributes that lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import h5py
import numpy as np

SIDE = 60
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
Change = Callable[[h5py.File], None]


def _write(path: Path, change: Change) -> None:
    """Write a netCDF-4 file of six bands with coordinates and a CRS, and change it."""
    with h5py.File(path, "w", track_order=True) as file:
        for name, start, step in (("y", 5.5e6, -10.0), ("x", 5e5, 10.0)):
            axis = file.create_dataset(name, data=start + step * (np.arange(SIDE) + 0.5))
            axis.make_scale(name)
            axis.attrs["standard_name"] = f"projection_{name}_coordinate"
            axis.attrs["units"] = "m"
        place = file.create_dataset("spatial_ref", data=0)
        place.attrs["spatial_ref"] = place.attrs["crs_wkt"] = "EPSG:32633"
        rng = np.random.default_rng(0)
        for band in BANDS:
            item = file.create_dataset(band, data=rng.integers(1, 3000, (SIDE, SIDE), np.uint16))
            for number, name in enumerate("yx"):
                item.dims[number].attach_scale(file[name])
            item.attrs["grid_mapping"] = "spatial_ref"
        change(file)


def _attribute(name: str, value: object, *, on: str = "green") -> Change:
    def change(file: h5py.File) -> None:
        (file[on] if on else file).attrs[name] = value

    return change


def _replace(band: str, **options: object) -> Change:
    """Return a change that stores a band in another way."""

    def change(file: h5py.File) -> None:
        del file[band]
        file.create_dataset(band, **options)

    return change


def _loop(file: h5py.File) -> None:
    group = file.create_group("group")
    group["inner"] = file
    group["again"] = group


def _soft(file: h5py.File) -> None:
    file["a"] = h5py.SoftLink("/b")
    file["b"] = h5py.SoftLink("/a")
    file["nowhere"] = h5py.SoftLink("/none/at/all")


def _many(file: h5py.File) -> None:
    for number in range(20_000):
        file.create_group(f"g{number}")


def _deep(file: h5py.File) -> None:
    group: h5py.Group = file
    for _ in range(1500):
        group = group.create_group("g")
    group.create_dataset("green", data=np.zeros((SIDE, SIDE), np.uint16))


def _scale_of_itself(file: h5py.File) -> None:
    file["x"].attrs["DIMENSION_LIST"] = np.array([file["x"].ref], h5py.ref_dtype)
    file["y"].attrs["coordinates"] = "y x y"
    file["green"].attrs["coordinates"] = "green green"
    file["green"].attrs["grid_mapping"] = "green"


def _names(file: h5py.File) -> None:
    for name in ("..\\x", "a\nb", "x" * 60_000, "\x01", "%s%n", "'\"`;", " "):
        file.create_dataset(name, data=np.zeros((SIDE, SIDE), np.uint16))


_COMPOUND = np.dtype([("a", "f4"), ("b", "i8", (3,))])

KINDS: Mapping[str, Callable[[Path], None]] = {
    name: partial(_write, change=change)
    for name, change in {
        "nothing": lambda file: None,
        "group in itself": _loop,
        "links in a loop": _soft,
        "very many groups": _many,
        "groups nested deeply": _deep,
        "scale of itself": _scale_of_itself,
        "odd names": _names,
        "chunks of 3.6 GB": _replace("green", shape=(60_000, 60_000), dtype="u1", chunks=(60_000, 60_000)),
        "compressed chunks of 3.6 GB": _replace(
            "green", shape=(60_000, 60_000), dtype="u1", chunks=(60_000, 60_000), compression="gzip"
        ),
        "2^62 pixels": _replace("green", shape=(2**31, 2**31), dtype="u2", chunks=(64, 64)),
        "rows of 2^40": _replace("green", shape=(2**40, 4), dtype="u2", chunks=(64, 4)),
        "no pixels": _replace("green", shape=(0, 0), dtype="u2", maxshape=(None, None), chunks=(4, 4)),
        "one value": _replace("green", data=3),
        "32 dimensions": _replace("green", shape=(1,) * 32, dtype="u2"),
        "compound": _replace("green", shape=(SIDE, SIDE), dtype=_COMPOUND),
        "texts": _replace("green", shape=(SIDE, SIDE), dtype=h5py.string_dtype()),
        "lists": _replace("green", shape=(SIDE, SIDE), dtype=h5py.vlen_dtype(np.uint16)),
        "references": _replace("green", shape=(SIDE, SIDE), dtype=h5py.ref_dtype),
        "opaque": _replace("green", shape=(SIDE, SIDE), dtype=np.dtype("V16")),
        "half floats": _replace("green", data=np.full((SIDE, SIDE), np.inf, np.float16)),
        "complex": _replace("green", data=np.full((SIDE, SIDE), 1j, np.complex64)),
        "booleans": _replace("green", data=np.ones((SIDE, SIDE), bool)),
        "another size": _replace("green", data=np.ones((3, 5), np.uint16)),
        **{
            f"{name} is {text}": _attribute(name, value)
            for name in ("scale_factor", "add_offset", "_FillValue", "valid_range", "units", "flag_values")
            for text, value in {
                "text": "x",
                "NaN": np.nan,
                "infinite": np.float32(np.inf),
                "a list": np.arange(5000.0),
                "empty": h5py.Empty("f4"),
                "a reference": np.zeros((), h5py.ref_dtype)[()],
                "2^63": np.uint64(2**63),
                "bytes": np.bytes_(b"\xff\xfe"),
            }.items()
            if value is not None
        },
        "CRS of 60,000 letters": _attribute("crs_wkt", "x" * 60_000, on="spatial_ref"),
        "CRS nested deeply": _attribute("crs_wkt", "PROJCS[" * 5000, on="spatial_ref"),
        "CRS that is a number": _attribute("spatial_ref", 7, on="spatial_ref"),
        "transform of NaN": _attribute("GeoTransform", "nan nan nan nan nan nan", on="spatial_ref"),
        "axis of NaN": lambda file: file["x"].write_direct(np.full(SIDE, np.nan)),
        "axis of one value": lambda file: file["x"].write_direct(np.full(SIDE, 5e5)),
        "units of the axis": _attribute("units", "x" * 50_000, on="x"),
        "mapping that is not there": _attribute("grid_mapping", "nothing"),
        "time without end": _attribute("time_coverage_start", "9" * 5000, on=""),
        "conventions": _attribute("Conventions", np.arange(3), on=""),
        "flags": _attribute("flag_meanings", "a " * 25_000),
    }.items()
}
"""Files by what is wrong with them; each function writes one."""
