"""The request for a flood or surface-water map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import THRESHOLD, Polarisation, Speckle
from geoseg.spec.option import Option
from geoseg.spec.runs import RunSpec, SceneSpec


class FloodSpec(Spec):
    """A request for a flood or surface-water map."""

    scene: SceneSpec
    run: RunSpec
    before: Annotated[
        tuple[SceneSpec, ...],
        Option(
            "An earlier scene (a file or folder); what is water in both is permanent. Repeatable: several "
            "make the z-score method possible.",
            metavar="SCENE",
            common=True,
        ),
    ] = ()
    method: Annotated[
        str,
        Option(
            "How water is mapped. auto takes a network where evidence shows that it is better; classical "
            "never takes one. docs/flood.md describes all.",
            metavar="NAME",
            common=True,
            suggest="water-methods",
        ),
    ] = "auto"
    threshold: Annotated[float | None, THRESHOLD] = None
    thresholding: Annotated[
        Literal["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba"], Option("How the threshold is found.")
    ] = "auto"
    polarisation: Polarisation = "auto"
    speckle: Speckle = "refined-lee"
    model: Annotated[
        str | None,
        Option(
            "A network instead of a method: a bundle's name or folder, or an ONNX file.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    permanent_water: Annotated[
        Path | None,
        Option(
            "Known water: mapped water inside it is not flood. Polygons, a 0/1 mask, or a raster of a "
            "product known by name (JRC Global Surface Water, ESA WorldCover, OPERA DSWx, …).",
            metavar="FILE",
            common=True,
        ),
    ] = None
    permanent_values: Annotated[
        tuple[float, ...] | None,
        Field(min_length=1),
        text.reads(text.numbers),
        Option(
            "Which values of --permanent-water mean permanent water.",
            metavar="A,B,…",
            default="those of its product",
        ),
    ] = None
    permanent_above: Annotated[
        float | None,
        Option(
            "Greater values of --permanent-water mean permanent water, such as percent of the time.",
            metavar="LIMIT",
            default="as its product defines",
        ),
    ] = None
    hand: Annotated[Path | None, Option("Height above nearest drainage in m.", metavar="FILE")] = None
    max_hand: Annotated[float, Option("Drop water higher than this above the drainage.", metavar="M")] = 15.0
    slope: Annotated[Path | None, Option("Slope of the ground in degrees.", metavar="FILE")] = None
    max_slope: Annotated[float, Option("Drop water on steeper ground.", metavar="DEG")] = 5.0
