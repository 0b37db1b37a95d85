"""The request for the features of a pretrained encoder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec.base import Spec
from geoseg.spec.fields import LocalPath
from geoseg.spec.option import ENGINE, INPUT, METHOD, OUTPUT, Offer, Option
from geoseg.spec.runs import RunSpec, SceneSpec

USED = (
    "output", "report", "overwrite", "aoi", "bbox", "bbox_crs", "tile", "overlap", "batch_size", "runtime",
    "device", "precision", "threads", "max_memory",
)  # fmt: skip
"""Options of maps that an embedding has."""

Weights = Annotated[
    str,
    Option(
        "Weights of the encoder: auto (published ones, fetched by geoseg models pull NAME), a file, or none "
        "(random ones, for comparisons).",
        metavar="auto|FILE|none",
        panel=METHOD,
    ),
]
Patch = Annotated[
    int | None,
    Field(ge=1),
    Option(
        "Side of a patch in pixels; smaller: finer features, and more time.",
        metavar="PX",
        panel=METHOD,
        default="that of the encoder",
    ),
]


DEFAULT_ENCODER = "galileo-nano"

ENCODER = Option(
    "Encoder whose features are used; geoseg models list --encoders shows all.",
    name="encoder",
    metavar="NAME",
    panel=METHOD,
    suggest="encoders",
    default=DEFAULT_ENCODER,
)


class EmbedRun(RunSpec):
    """The output and engine options of an embedding."""

    output: Annotated[
        LocalPath,
        Option(
            "The features: .tif, a Cloud Optimized GeoTIFF of one pixel per patch, or .parquet, one vector "
            "per tile with its footprint.",
            short="-o",
            metavar="OUT.tif|OUT.parquet",
            panel=OUTPUT,
            common=True,
            missing="no output is given; add `-o OUT.tif`",
        ),
    ]


class EmbedSpec(Spec):
    """A request for the features of a pretrained encoder."""

    scene: SceneSpec
    run: Annotated[EmbedRun, Offer(only=USED)]
    encoder: Annotated[str, ENCODER] = DEFAULT_ENCODER
    weights: Weights = "auto"
    patch: Patch = None
    dates: Annotated[
        int,
        Field(ge=1),
        Option("Number of dates; more than 1: each SCENE is a date of its own.", metavar="N", panel=INPUT),
    ] = 1
    dtype: Annotated[
        Literal["float16", "int8", "float32"],
        Option("Number format of the raster; int8: value x scale of the band, -128 is nodata.", panel=ENGINE),
    ] = "float16"
