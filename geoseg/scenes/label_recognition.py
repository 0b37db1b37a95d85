"""Recognise the sensor by the labels of bands (`B8A`, `SR_B4`), in descriptions and names of files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import BandError
from geoseg.grid import Grid
from geoseg.scenes.instruments import NamedInstrument
from geoseg.scenes.naming import Candidate, vocabulary, word_of
from geoseg.spec import SensorSpec

HLS_FILL = -9999
HLS_PIXEL = (25.0, 35.0)
"""Pixel sizes in metres that fit HLS, whose pixels have 30 m."""

OLCI_PIXEL = (250.0, 350.0)
"""Pixel sizes in metres that fit Sentinel-3 OLCI, whose pixels have 300 m."""

_ONE_DIGIT = re.compile(r"b\d")
_NUMBERED = re.compile(r"(?<![a-z0-9])b\d{1,2}[abn]?(?![a-z0-9])", re.IGNORECASE)
"""Labels that instruments give their bands: `B4`, `B3N`."""


def sensor_by_labels(
    candidates: Sequence[Candidate], sensors: Mapping[str, SensorSpec], instrument: NamedInstrument | None
) -> tuple[SensorSpec, str] | None:
    """Return the sensor whose band labels (`B8A`, `SR_B4`) fit most bands, and the reason; None: none.

    Args:
        candidates: the bands.
        sensors: all sensors by name.
        instrument: the instrument that names show, whose sensors alone count; None: they show none.

    Raises:
        BandError: the labels fit several sensors that differ, or are partly those of another instrument.
    """
    signed = [item.raster.dtypes[item.index - 1].kind == "i" for item in candidates]
    evidence = _hls_evidence(candidates)
    fits: dict[str, dict[int, str]] = {}
    labels: dict[str, dict[int, str]] = {}
    for name, sensor in sensors.items():
        if not sensor.file_patterns or name == "generic":
            continue
        if sensor.plain_labels and not (instrument is not None and instrument.is_shown(name)):
            continue
        # HLS is signed and has nodata -9999; users may store other sensors with signed values.
        below = name.startswith("hls")
        padded = name == "hls-l30" and _may_be_landsat_of_hls(candidates)
        words = vocabulary(sensor, names=False)
        found = {
            position: word
            for position, item in enumerate(candidates)
            if (padded or (signed[position] and evidence != "against") if below else evidence != "fill")
            and (word := word_of(item, words, sensor.file_patterns))
            # HLS has two digits; Earth Engine's copies have one, and are told by their names.
            and not (below and _ONE_DIGIT.fullmatch(word))
        }
        if found:
            fits[name] = {position: words[word] for position, word in found.items()}
            labels[name] = found
    counting = labels if instrument is None else instrument.sensors_that_count(labels)
    if not counting:
        return None
    # A longer label is more specific: `SR_B4` is not `B4`.
    weights = {name: (len(labels[name]), sum(map(len, labels[name].values()))) for name in counting}
    best = [name for name in weights if weights[name] == max(weights.values())]
    if evidence == "pixels":
        best = [name for name in best if name.startswith("hls")] or best
    meanings = {
        (
            tuple(sorted(fits[name].items())),
            sensors[name].units,
            sensors[name].scale,
            sensors[name].offset,
            sensors[name].nodata,
        )
        for name in best
    }
    if len(meanings) > 1:
        raise BandError(f"the band names fit several sensors: {', '.join(best)}; select one with `--sensor`")
    if best[0].startswith("sentinel-2"):
        if instrument is None:
            _refuse_olci(candidates)
        _refuse_counted(candidates, named=instrument is not None)
    if instrument is None:
        _refuse_unexplained(candidates, sensors[best[0]])
    chosen = next((name for name in best if "-l2" in name), best[0])
    reason = "its band names"
    if len(best) > 1:
        reason += f"; {', '.join(best)} would be read in the same way"
    return sensors[chosen], reason


def _labels_of(candidates: Sequence[Candidate]) -> dict[int, set[str]]:
    """Return the numbered labels of each band, in capitals, in its labels or the name of its own file."""
    found = {}
    for position, item in enumerate(candidates):
        names = (*item.labels, PurePosixPath(item.file).stem) if item.raster.count == 1 else item.labels
        found[position] = {match[0].upper() for name in names for match in _NUMBERED.finditer(name)}
    return found


def _may_be_landsat_of_hls(candidates: Sequence[Candidate]) -> bool:
    """Return whether labels with two digits at 30 m have red edge (`B05`) but no near infrared of Sentinel-2.

    Of HLS L30, `B05` is near infrared. Its integers are signed; copies may be floats.
    """
    labels = set().union(*_labels_of(candidates).values())
    if "B05" not in labels or labels & {"B08", "B8A", "B12"}:
        return False
    return _has_pixels_of_hls(candidates[0].raster.grid)


def _refuse_olci(candidates: Sequence[Candidate]) -> None:
    """Check that pixels are not those of OLCI, whose `B04`, `B06` and `B08` are blue, green and red.

    Raises:
        BandError: the pixels have 300 m, and no label is one of Sentinel-2 alone.
    """
    grid = candidates[0].raster.grid
    labels = set().union(*_labels_of(candidates).values())
    if grid.crs is None or "B8A" in labels or not OLCI_PIXEL[0] <= min(grid.pixel_size_m) <= OLCI_PIXEL[1]:
        return
    raise BandError(
        f"{candidates[0].where}: labels {', '.join(sorted(labels)[:4])} at 300 m may be of Sentinel-3 OLCI, "
        "in which they are other bands than of Sentinel-2; set `--sensor`, or name each band with "
        "`--band NAME=PATH`"
    )


def _refuse_counted(candidates: Sequence[Candidate], *, named: bool) -> None:
    """Check that labels are names and not numbers of bands: `B1` to `B10` without `B8A`, `B01` to `B04`.

    Sentinel-2's own `B10`, cirrus, is darker than all other bands.

    Args:
        candidates: the bands.
        named: whether names show the instrument.

    Raises:
        BandError: the labels count the bands.
    """
    labels = _labels_of(candidates)
    if any(len(found) != 1 for found in labels.values()):
        return
    # Tiles of one scene have the same labels.
    names = {next(iter(found)): candidates[position] for position, found in labels.items()}
    count = len(names)
    numbers = range(1, count + 1)
    if 3 <= count < 10 and not named and set(names) == {f"B{number:02}" for number in numbers}:
        # Cameras of few bands are numbered so; of Sentinel-2 all bands or those of 10 m are delivered.
        raise BandError(
            f"{candidates[0].file}: labels B01 to B{count:02} count the bands, and may be those of "
            "another instrument than Sentinel-2; set `--sensor`, or name each band with `--band NAME=PATH`"
        )
    if not 10 <= count <= 12 or set(names) != {f"B{number}" for number in numbers}:
        return
    medians = {name: _median(item.raster.sample(item.index)) for name, item in names.items()}
    if medians["B10"] > min(medians.values()):
        raise BandError(
            f"{candidates[0].file}: labels B1 to B{count} count the bands, because B10 is not as dark "
            "as cirrus of Sentinel-2; name each band with `--band NAME=PATH:INDEX`"
        )


def _median(values: NDArray[Any]) -> float:
    """Return the median of values above 0: 0, NaN and values below 0 are not observed; 0 where none is."""
    above = values[values > 0]
    return float(np.median(above)) if above.size else 0.0


def _refuse_unexplained(candidates: Sequence[Candidate], sensor: SensorSpec) -> None:
    """Check that all numbered labels are of the sensor: `B17` beside `B04` is no Sentinel-2.

    Raises:
        BandError: there is one, so that the labels are those of another instrument.
    """
    words = vocabulary(sensor, names=True)
    labels = _labels_of(candidates)
    for position, item in enumerate(candidates):
        foreign = min(labels[position], default=None)
        if foreign is not None and word_of(item, words, sensor.file_patterns) is None:
            raise BandError(
                f"{item.where}: {sensor.name} has no band {foreign}, so the labels may be those of another "
                "instrument, in which they are other bands; set `--sensor`, or name each band with "
                "`--band NAME=PATH`"
            )


def _hls_evidence(candidates: Sequence[Candidate]) -> Literal["fill", "pixels", "against", "none"]:
    """Return the evidence that signed bands are HLS: its nodata value, its pixels of 30 m, or none.

    `against` means that the pixels have another size.
    """
    signed = [item for item in candidates if item.raster.dtypes[item.index - 1].kind == "i"]
    if not signed:
        return "none"
    raster, index = signed[0].raster, signed[0].index
    if raster.nodata[index - 1] == HLS_FILL or bool((raster.sample(index) == HLS_FILL).any()):
        return "fill"
    if raster.grid.crs is None:
        return "none"
    return "pixels" if _has_pixels_of_hls(raster.grid) else "against"


def _has_pixels_of_hls(grid: Grid) -> bool:
    return grid.crs is not None and HLS_PIXEL[0] <= min(grid.pixel_size_m) <= HLS_PIXEL[1]
