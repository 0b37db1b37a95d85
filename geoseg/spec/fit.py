"""The request of fit: a network from labelled places."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec.base import Spec
from geoseg.spec.embed import Weights
from geoseg.spec.fields import LocalPng, Overwrite, Seed
from geoseg.spec.option import INPUT, OUTPUT, Option
from geoseg.spec.runs import SceneSpec

Head = Literal["logistic", "knn", "mlp"]


class FitSpec(Spec):
    """A network that is fitted to labelled points or polygons in scenes."""

    labels: Annotated[
        Path,
        Option(
            "Points or polygons with a class: any vector file, or a .csv with lon and lat.",
            metavar="LABELS",
            argument=True,
            missing="no LABELS are given; add a vector file of points or polygons with a class column",
        ),
    ]
    scene: SceneSpec
    """Each path is a scene of its own."""
    more_labels: Annotated[
        tuple[Path, ...],
        Option(
            "Further labels, such as the points of --suggest with their classes filled in. Repeatable.",
            name="labels-too",
            metavar="FILE",
            panel=INPUT,
        ),
    ] = ()
    class_column: Annotated[
        str | None,
        Option(
            "Column of the labels with the class, as name or number.",
            metavar="NAME",
            panel=INPUT,
            default="class, label, or the only column of names or numbers",
        ),
    ] = None
    head: Annotated[
        Head,
        Option(
            "logistic: regression with a ridge penalty. knn: nearest labelled pixels. mlp: one hidden layer. "
            "The penalty, or number of neighbours, is chosen by cross-validation."
        ),
    ] = "logistic"
    encoder: Annotated[
        str | None,
        Option(
            "Also use the features of this pretrained encoder (geoseg models list --encoders).",
            metavar="NAME",
        ),
    ] = None
    weights: Weights = "auto"
    features: Annotated[
        str | None,
        Option(
            "Use these features in place of the best: bands, indices, embedding, joined by +.",
            metavar="NAME[+NAME...]",
            default="the set with the best score",
        ),
    ] = None
    place_size: Annotated[
        float | None,
        Field(gt=0),
        Option(
            "Labels within this distance of each other are one place, which is left out as a whole in the "
            "cross-validation.",
            metavar="M",
            default="32 pixels",
        ),
    ] = None
    suggest: Annotated[
        int | None,
        Field(ge=1),
        Option(
            "Also write the N points to label next, BUNDLE-next.gpkg: where the scores are most "
            "uncertain, spread over the scenes.",
            metavar="N",
            panel=OUTPUT,
        ),
    ] = None
    unsure: Annotated[
        LocalPng | None,
        Option(
            "Also write a picture of the uncertainty of the scores.",
            metavar="OUT.png",
            panel=OUTPUT,
            default="BUNDLE-unsure.png with --suggest",
        ),
    ] = None
    output: Annotated[
        Path,
        Option(
            "Folder of the bundle to write; its name is that of the model.",
            short="-o",
            metavar="BUNDLE",
            panel=OUTPUT,
            common=True,
            missing="no output is given; add `-o BUNDLE`",
        ),
    ]
    overwrite: Overwrite = False
    licence: Annotated[
        str, Option("Licence of the bundle, which is written into its maps.", metavar="TEXT", panel=OUTPUT)
    ] = "unknown"
    seed: Seed = 0
