"""Choose the cloud network for a scene, of those that the extra `clouds` installs."""

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
    """Return the cloud network for the bands and the level of a scene, with its package.

    Only files of the package are read; its code is not imported.

    Raises:
        RuntimeMissingError: no package of cloud networks is installed.
        ModelError: no network fits the scene, or the package does not hold its file.
    """
    known = cloud_networks()
    installed = [spec for spec in known if _folder(spec) is not None]
    if not installed:
        raise RuntimeMissingError(
            f"`--clouds network`: no cloud network is installed: pip install 'geoseg[{known[0].extra}]'"
        )
    level = level_of(scene)
    if level is None:
        raise ModelError(
            f"{scene.name}: cloud networks need surface or top-of-atmosphere reflectance of an optical "
            "sensor, and the sensor is unknown: name it with `--sensor`, or leave `--clouds` out"
        )
    if scene.grid.crs is None:
        raise ModelError(
            f"{scene.name}: cloud networks need pixels of about {installed[0].pixel:g} m, and without a CRS "
            "the pixel size is unknown: give the raster its CRS (`gdal_edit.py -a_srs`)"
        )
    for spec in installed:
        for network in spec.networks:
            if network.atmosphere == level and _has(scene, spec, network):
                return spec, _described(spec, network)
    needed = ", ".join(band.name for band in installed[0].networks[-1].bands)
    raise ModelError(
        f"{scene.name}: cloud networks need {needed} as reflectance, and the scene lacks some of them"
    )


def _has(scene: Scene, spec: CloudSpec, network: CloudNetworkSpec) -> bool:
    """Return whether a scene has the bands of a network, in its units."""
    try:
        view = scene.select([band.name for band in network.bands])
    except BandError:
        return False
    return {view.units(name) for name in view.band_names} == {spec.units}


def _described(spec: CloudSpec, network: CloudNetworkSpec) -> ModelSpec:
    """Return the description of a network.

    Raises:
        ModelError: the installed package does not hold its file.
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
    """Return the folder of a package; None: it is not installed."""
    found = find_spec(spec.package)
    places = [] if found is None else list(found.submodule_search_locations or ())
    return Path(places[0]) if places else None


def _version(spec: CloudSpec) -> str:
    try:
        return f" {version(spec.distribution)}"
    except PackageNotFoundError:
        return ""
