"""The report of features: their main differences as a picture, method, parameters and provenance."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling

from geoseg.engine.map_report import place_of_map
from geoseg.engine.record_sections import record_sections
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles
from geoseg.grid import Grid
from geoseg.outputs.report import Picture, Report, Section, to_html
from geoseg.outputs.words import citation, instruments, when
from geoseg.run_record import RunRecord

SHOWN = 400
"""px, longer side to which features are reduced for the picture, and to which the picture is enlarged."""
MOST_VALUES = 2**24
"""Values of features that are read for the picture: 148² of 768 channels, 64 MiB, which are copied once."""
TAILS = (2.0, 98.0)
"""Percentiles of a component that are black and white."""


def write_embedding_report(path: Path, record: RunRecord, grid: Grid, beside: OutputFiles) -> None:
    """Write the report of a finished file of features.

    Args:
        path: of the HTML file.
        record: of the run; its first output is the file of features, which lies beside its target.
        grid: of the features.
        beside: open; has `path` among its targets.

    Raises:
        OutputError: the file cannot be written.
    """
    features = record.outputs[0]
    with writing(path):
        picture = None if features.suffix.lower() == ".parquet" else _picture(beside.path(features))
        sections = [Section(title="Method", text=f"{record.method}.")]
        if picture is not None:
            sections.insert(0, Section(title="Features", pictures=[picture]))
        cited = [Section(title="How to cite", text=" ".join(f"{text}." for text in citation(record)))]
        parts = ("Features", when(record), " and ".join(instruments(record)))
        report = Report(
            title=", ".join(part for part in parts if part),
            summary=f"{grid.height:,} × {grid.width:,} patches, {record.valid_share:.1%} observed.",
            facts={"Dates": when(record) or "unknown", "Place": place_of_map(grid)},
            warnings=[item.text for item in record.warnings],
            sections=[*sections, *cited, *record_sections(record)],
            notes=record.notes,
            data={},
        )
        beside.path(path).write_text(to_html(report), encoding="utf-8")


def _picture(features: Path) -> Picture | None:
    """Return the first three principal components in red, green and blue; None: nothing was observed."""
    with rasterio.open(features) as file:
        room = math.sqrt(MOST_VALUES / (file.count * file.height * file.width))
        share = min(1.0, SHOWN / max(file.height, file.width), room)
        shape = (file.count, max(1, round(file.height * share)), max(1, round(file.width * share)))
        values = file.read(out_shape=shape, resampling=Resampling.nearest).astype(np.float32)
        observed = file.dataset_mask(out_shape=shape[1:], resampling=Resampling.nearest) > 0
        values *= np.asarray(file.scales, np.float32)[:, None, None]
    observed &= np.isfinite(values).all(axis=0)
    if not observed.any():
        return None
    image = Image.fromarray(components_rgb(values, observed))
    larger = max(1, SHOWN // max(image.size))
    file_bytes = io.BytesIO()
    image.resize((image.width * larger, image.height * larger), Image.Resampling.NEAREST).save(
        file_bytes, "PNG"
    )
    return Picture(
        png=file_bytes.getvalue(),
        caption="The first three principal components as red, green and blue: places of like colour have "
        "like features. Colours of two reports do not compare.",
    )


def components_rgb(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the first three principal components as colours (h, w, 3); white where nothing was observed.

    Args:
        values: (D, h, w) features.
        observed: (h, w), with a pixel that is True.
    """
    vectors = values[:, observed].T
    vectors -= vectors.mean(axis=0)
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    scores = vectors @ axes[:, ::-1][:, :3]
    low, high = np.percentile(scores, TAILS, axis=0)
    scaled = np.clip((scores - low) / np.maximum(high - low, np.finfo(np.float64).tiny), 0, 1)
    colours = np.zeros((len(scaled), 3))
    colours[:, : scaled.shape[1]] = scaled
    rgb = np.full((*observed.shape, 3), 255, np.uint8)
    rgb[observed] = np.round(colours * 255).astype(np.uint8)
    return rgb
