"""Check that bands that a method compares have the same unit."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.errors import SceneError
from geoseg.scenes.scene import Scene


def check_one_unit(scene: Scene, bands: Sequence[str], subject: str) -> None:
    """Check the units of bands that an index or a distance compares.

    Args:
        scene: any.
        bands: names of its bands.
        subject: what compares them, for the message.

    Raises:
        SceneError: the bands have different units.
    """
    view = scene.select(list(dict.fromkeys(bands)))
    units = {name: view.units(name) for name in view.band_names}
    if len(set(units.values())) > 1:
        found = ", ".join(f"{name} {unit}" for name, unit in units.items())
        raise SceneError(
            f"{scene.name}: {subject} compares bands in different units ({found}; dn: stored numbers without "
            "scale). Set scale and offset of all its bands in the metadata, or of none, or name the sensor "
            "with `--sensor`"
        )
