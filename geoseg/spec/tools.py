"""Requests of vectorize, info and demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from geoseg.spec import text
from geoseg.spec.base import MOST_LETTERS, Spec
from geoseg.spec.fields import Overwrite
from geoseg.spec.option import INPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec

ClassEntry = tuple[int, str, str | None]
"""Value, label and colour; colour None: one of the palette."""


def _once(entries: Sequence[ClassEntry]) -> Sequence[ClassEntry]:
    labels: dict[int, str] = {}
    for value, label, _ in entries:
        if value in labels:
            raise ValueError(f"value {value} has two labels: {labels[value]} and {label}")
        if len(label) > MOST_LETTERS:
            raise ValueError(
                f"the label of class {value} has {len(label):,} characters; the limit is {MOST_LETTERS:,}"
            )
        labels[value] = label
    return entries


class VectorizeRequest(Spec):
    """Polygons of a class raster."""

    mask: Annotated[
        str,
        Option(
            "A raster with one integer band, values 0..255. 0, 255 and nodata get no polygons.",
            metavar="MASK",
            argument=True,
            missing="no MASK is given; add the path of a class raster",
        ),
    ]
    run: Annotated[
        RunSpec,
        Offer(
            only=(
                "output",
                "overwrite",
                "dst_crs",
                "min_area",
                "fill_holes",
                "simplify",
                "smooth_outlines",
                "max_memory",
                "style",
                "attributes",
                "report",
                "zones",
                "zone_name",
                "value",
            )
        ),
    ]
    classes: Annotated[
        tuple[Annotated[ClassEntry, BeforeValidator(text.class_entry)], ...],
        AfterValidator(_once),
        Option(
            "Set label and colour of a class. Repeatable.",
            name="class",
            metavar="VALUE=LABEL[:#rrggbb]",
            panel=INPUT,
            default="category names and colour table of the raster",
        ),
    ] = ()


class InfoRequest(SceneSpec):
    """A scene, model or map to describe."""

    paths: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        Option(
            "A scene (files, folder, product or URL), a model (name, folder or .onnx), or a map made by "
            "geoseg; other rasters and vector files are described too. The content decides.",
            name="scene",
            metavar="SCENE|MODEL|MAP",
            argument=True,
            missing="no SCENE, MODEL or MAP is given; add one",
        ),
    ]


class DemoRequest(Spec):
    """A demonstration."""

    folder: Annotated[Path, Option("Folder for all output files.", metavar="FOLDER", argument=True)] = Path(
        "demo-output"
    )
    overwrite: Overwrite = False
