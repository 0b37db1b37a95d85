"""The request for a flood or surface-water map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from geoseg.spec import text
from geoseg.spec.base import Spec
from geoseg.spec.fields import THRESHOLD, Layers, Polarisation, Speckle
from geoseg.spec.option import Option
from geoseg.spec.runs import RunSpec, SceneSpec


class FloodSpec(Spec):
    """A request for a flood or surface-water map."""

    scene: SceneSpec
    run: RunSpec
    before: Annotated[
        tuple[SceneSpec, ...],
        Option(
            "An earlier scene (file or folder): water in both scenes is permanent water. Repeatable; the "
            "method zscore needs two or more.",
            metavar="SCENE",
            common=True,
        ),
    ] = ()
    method: Annotated[
        str,
        Option(
            "Method that maps water. auto: a network only if it exceeded all methods on a sensor, region and "
            "event that it was not trained on; classical: never a network. See docs/flood.md.",
            metavar="NAME",
            common=True,
            suggest="water-methods",
        ),
    ] = "auto"
    threshold: Annotated[float | None, THRESHOLD] = None
    thresholding: Annotated[
        Literal["auto", "otsu", "ki", "bmax-otsu", "edge-otsu", "hsba", "tiles"],
        Option(
            "Method that finds the threshold; tiles: for backscatter, one for each part of the scene, "
            "interpolated.",
            replaced_by="threshold",
        ),
    ] = "auto"
    polarisation: Polarisation = "auto"
    speckle: Speckle = "refined-lee"
    model: Annotated[
        str | None,
        Option(
            "A network in place of a method: name or folder of a bundle, or an ONNX file.",
            metavar="NAME|PATH",
            common=True,
            suggest="models",
        ),
    ] = None
    layer: Layers = {}
    permanent_water: Annotated[
        Path | None,
        Option(
            "Permanent water: polygons, a 0/1 mask, or a raster of a known product (JRC Global Surface "
            "Water, ESA WorldCover, OPERA DSWx, …). Water inside it is not flood.",
            metavar="FILE",
            common=True,
        ),
    ] = None
    permanent_values: Annotated[
        tuple[float, ...] | None,
        Field(min_length=1),
        text.reads(text.numbers),
        Option(
            "Values of --permanent-water that mean permanent water.",
            metavar="A,B,…",
            default="those of the product",
        ),
    ] = None
    permanent_above: Annotated[
        float | None,
        Option(
            "Values of --permanent-water above this limit mean permanent water, for example percent of time.",
            metavar="LIMIT",
            default="that of the product",
        ),
    ] = None
    hand: Annotated[
        Path | None, Option("Raster of the height above nearest drainage (HAND) in m.", metavar="FILE")
    ] = None
    max_hand: Annotated[
        float,
        Option("Remove water that is higher than this above the drainage.", metavar="M", read_with=("hand",)),
    ] = 15.0
    slope: Annotated[Path | None, Option("Raster of the terrain slope in degrees.", metavar="FILE")] = None
    max_slope: Annotated[
        float, Option("Remove water on steeper slopes.", metavar="DEG", read_with=("slope",))
    ] = 5.0

    @property
    def by_tile(self) -> bool:
        """Whether each part of the scene has a threshold of its own."""
        return self.thresholding == "tiles" and self.threshold is None
