"""Methane plumes of a scene: columns, spots that stand out, and the rates of what is a plume."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geoseg.catalog.bundles import find_model
from geoseg.catalog.presets import sensors, task
from geoseg.errors import SceneError, UsageError
from geoseg.features import Features
from geoseg.methods.plume_search import MARGIN, FalseAlarms
from geoseg.outputs import MeasureSink, check_writable
from geoseg.pixels import Pixels
from geoseg.plan import Plan
from geoseg.report import Reporter, RunRecord, TableRows
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.stack import Layer, Stack
from geoseg.spec import PlumeSpec, SatelliteSpec
from geoseg.tasks.mapping import Ledger, begin, command_of, make_map, plan
from geoseg.tasks.methane.angles import Acquired, acquired, angles_of
from geoseg.tasks.methane.attribution import Facilities, read_facilities
from geoseg.tasks.methane.columns import open_all, retrieve
from geoseg.tasks.methane.judging import SCHEMA, PlumeJudge
from geoseg.tasks.methane.rates import EffectiveWind, Measurer, Wind
from geoseg.tasks.methane.retrieved import CH4, Retrieved
from geoseg.tasks.methane.satellite import satellite_of
from geoseg.tasks.methane.search import PlumeSession, Search, find_threshold, survey
from geoseg.tasks.methane.wind import read_wind
from geoseg.tasks.recipe import Extras, Recipe
from geoseg.tasks.segment import network_recipe

TILE = 256
"""Pixels of a tile of columns."""


def map_plumes(spec: PlumeSpec, reporter: Reporter, *, dry_run: bool = False) -> RunRecord | Plan:
    """Map methane plumes with their rates.

    Raises:
        UsageError: the request contradicts itself.
        SceneError: the scene, a reference or the wind cannot be read, or is not suitable.
        BandError: a band is missing.
        ModelError: the network does not fit.
        OutputError: an output cannot be written.
    """
    ledger = Ledger(reporter)
    inputs = [*spec.scene.paths, *(path for scene in spec.reference for path in scene.paths)]
    begin(spec.run, inputs)
    if spec.columns is not None:
        check_writable([spec.columns], spec.run.overwrite, inputs=[Path(path) for path in inputs])
    facilities = read_facilities(spec.facilities) if spec.facilities is not None else None
    with ExitStack() as stack:
        retrieved = _retrieve(spec, stack, ledger)
        recipe, sink = _recipe(spec, retrieved, facilities, stack, ledger, dry_run=dry_run)
        if dry_run:
            return plan(recipe, spec.run)
        del sink
        return make_map(recipe, spec.run, command_of(spec), ledger)


def _retrieve(spec: PlumeSpec, stack: ExitStack, ledger: Ledger) -> Retrieved:
    """Columns of the scene, by what kind of instrument saw it."""
    scene = stack.enter_context(open_scene(spec.scene, sensors()))
    if scene.grid.crs is None:
        raise SceneError(
            f"{scene.name}: without a CRS neither areas nor rates are known; give the raster its CRS "
            "(gdal_edit.py -a_srs)"
        )
    satellite = satellite_of(scene, spec.satellite)
    angles = angles_of(scene, satellite, sun_zenith=spec.sun_zenith, view_zenith=spec.view_zenith)
    opened = open_all(spec, stack, ledger)
    return retrieve(spec, satellite, opened, angles, ledger)
