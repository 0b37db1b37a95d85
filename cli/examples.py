"""`geoseg examples`: commands to copy."""

from __future__ import annotations

import typer

EXAMPLES = (
    (
        "Water in a Sentinel-2 product, a folder of bands or a Landsat product",
        "geoseg flood SCENE -o water.gpkg",
    ),
    (
        "Flood: a radar scene and one of the same relative orbit before it",
        "geoseg flood after.tif --before before.tif -o flood.gpkg --picture flood.png",
    ),
    ("What geoseg recognises in a scene, a model or a map", "geoseg info SCENE"),
    ("Change between two dates", "geoseg change 2018/ 2023/ -o change.gpkg --picture change.png"),
    (
        "Methane plumes with source rates, from two scenes of one place",
        "geoseg methane plume SCENE --reference CALM_SCENE --wind 3.5 -o plumes.gpkg",
    ),
    (
        "Describe your own network, then map with it",
        "geoseg models describe net.onnx --bands red,green,blue,nir --sensor sentinel-2-l2a --scale 0.0001 "
        "--mean 0.1 --std 0.05 --classes background,field -o fields",
    ),
    ("", "geoseg segment SCENE --model fields -o fields.gpkg"),
    ("Polygons of a class raster", "geoseg vectorize classes.tif -o classes.gpkg"),
    (
        "Only a part of a scene; the plan and time first",
        "geoseg flood SCENE --bbox W,S,E,N -o water.gpkg --dry-run",
    ),
    ("What is installed, and remedies", "geoseg doctor"),
)
"""Purpose and command; without a purpose, the command goes with the one before."""


def examples() -> None:
    """Print ten commands to copy."""
    for purpose, command in EXAMPLES:
        if purpose:
            typer.echo(f"# {purpose}")
        typer.echo(command)
