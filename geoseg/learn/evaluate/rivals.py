"""The rivals of a network or a default on a labelled set: trivial rules and classical methods."""

from __future__ import annotations

from collections.abc import Sequence

from geoseg.learn.evaluate.subjects import Subject, method_subject
from geoseg.learn.samples import Sample
from geoseg.learn.samples.chips import opened_image
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.trivial_rules import change_rules, water_rules
from geoseg.spec import Units
from geoseg.spec.band_names import plain_name
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.flood.choice import CLASSICAL
from geoseg.tasks.flood.method import WaterMethod
from geoseg.tasks.flood.methods import water_methods


def units_of(spec: TrainSpec, sample: Sample) -> Units:
    """Return the units in which the bands of a set are stored; `dn` for values without a unit."""
    with opened_image(sample.images[0], spec.data.images[0]) as scene:
        return scene.units(plain_name(spec.bands[0].name))


def rivals_of(
    spec: TrainSpec, sample: Sample, evaluated: Sequence[Subject], *, classical: bool
) -> tuple[Subject, ...]:
    """Return the trivial rules of a set, and its classical methods, that are not evaluated yet."""
    units, known = units_of(spec, sample), {subject.name for subject in evaluated}
    rivals = (*trivial_rivals(spec, units), *(classical_rivals(spec, units) if classical else ()))
    return tuple(rival for rival in rivals if rival.name not in known)


def trivial_rivals(spec: TrainSpec, units: Units) -> tuple[Subject, ...]:
    """Return the trivial rules of a labelled set of two classes; none for more classes."""
    if len(spec.classes) != 2:
        return ()
    names = [band.name for band in spec.bands]
    rules = change_rules(names) if spec.task == "change" else water_rules(names, db=units == "db")
    return tuple(Subject(name=rule.name, rule=rule) for rule in rules)


def classical_rivals(spec: TrainSpec, units: Units) -> tuple[Subject, ...]:
    """Return the classical methods that the bands, dates and units of a labelled set allow."""
    if spec.task == "change":
        sar = units in {"db", "linear"}
        names = [m.name for m in change_methods().values() if (m.needs.kind == "sar") == sar]
        return tuple(method_subject(name, spec.task) for name in names)
    if spec.task != "flood":
        return ()
    names = [method.name for method in water_methods().values() if _applies(method, spec, units)]
    return tuple(method_subject(name) for name in (CLASSICAL, *names)) if names else ()


def _applies(method: WaterMethod, spec: TrainSpec, units: Units) -> bool:
    """Return whether a method can map the scenes of a set."""
    bands = {band.name for band in spec.bands if ":" not in band.name}
    enough = all if method.bands_used == "all" else any
    sar = units == "db" or bool(bands & {"vv", "vh", "hh", "hv"})
    return (
        enough(band in bands for band in method.bands)
        and (method.needs.kind == "sar") == sar
        and method.needs.scenes_before <= len(spec.mapped_images) - 1
        and (not method.needs.reflectance or units == "reflectance")
    )
