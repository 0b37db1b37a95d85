"""Which network tells clouds and cloud shadow of a scene, of those that the extra `clouds` installs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from geoseg.errors import BandError, ModelError, RuntimeMissingError
from geoseg.scenes import Scene
from geoseg.scenes.dark_object_scene import level_of
from geoseg.spec import CloudNetworkSpec, CloudSpec, ModelSpec
from geoseg.spec.presets import cloud_networks


def cloud_network_for(scene: Scene) -> tuple[CloudSpec, ModelSpec]:
    """Return the network that tells a scene's clouds, by its bands and its level, and the package it is from.

    Only files of the package are used; its code is not imported.

    Raises:
        RuntimeMissingError: no package of networks is installed.
        ModelError: none of its networks fits the scene, or the package holds other files.
    """
    known = cloud_networks()
    installed = [spec for spec in known if _folder(spec) is not None]
    if not installed:
        raise RuntimeMissingError(
            f"--clouds network: no cloud network is installed: pip install 'geoseg[{known[0].extra}]'"
        )
    level = level_of(scene)
    if level is None:
        raise ModelError(
            f"{scene.name}: cloud networks take surface or top-of-atmosphere reflectance of an optical "
            "sensor, which this is not known to be; name the sensor with --sensor, or leave --clouds out"
        )
    if scene.grid.crs is None:
        raise ModelError(
            f"{scene.name}: cloud networks know pixels of about {installed[0].pixel:g} m, and without a CRS "
            "these have no size; give the raster its CRS (gdal_edit.py -a_srs)"
        )
    for spec in installed:
        for network in spec.networks:
            if network.atmosphere == level and _has(scene, spec, network):
                return spec, _described(spec, network)
    needed = ", ".join(band.name for band in installed[0].networks[-1].bands)
    raise ModelError(
        f"{scene.name}: cloud networks need {needed} as reflectance, and not all of them are there"
    )


def _has(scene: Scene, spec: CloudSpec, network: CloudNetworkSpec) -> bool:
    """Whether a scene has a network's bands, in its units."""
    try:
        view = scene.select([band.name for band in network.bands])
    except BandError:
        return False
    return {view.units(name) for name in view.band_names} == {spec.units}


def _described(spec: CloudSpec, network: CloudNetworkSpec) -> ModelSpec:
    """Describe a network as any other.

    Raises:
        ModelError: the package that is installed does not hold its file.
    """
    weights = (_folder(spec) or Path()) / network.file
    if not weights.is_file():
        raise ModelError(
            f"{spec.distribution}{_version(spec)} does not hold {network.file}: pip install "
            f"'{spec.distribution}{spec.versions}'"
        )
    return ModelSpec(
        name=Path(network.file).stem,
        title=spec.title,
        task="clouds",
        bands=network.bands,
        units=spec.units,
        atmosphere=network.atmosphere,
        fill=spec.fill,
        tile=spec.tile,
        overlap=spec.overlap,
        multiple=1,
        fixed_tile=True,
        activation=spec.activation,
        classes=spec.classes,
        weights=weights,
        sha256=network.sha256,
        licence=spec.licence,
    )


def _folder(spec: CloudSpec) -> Path | None:
    """Where the files of a package lie; None: it is not installed."""
    found = find_spec(spec.package)
    places = [] if found is None else list(found.submodule_search_locations or ())
    return Path(places[0]) if places else None


def _version(spec: CloudSpec) -> str:
    try:
        return f" {version(spec.distribution)}"
    except PackageNotFoundError:
        return ""
