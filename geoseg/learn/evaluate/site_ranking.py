"""Evaluate how well scene classifiers rank labelled sites."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.bundles.find import find_classifier
from geoseg.engine.normalise import Normaliser
from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.learn.samples.labelled_sites import Site, SiteImage, by_role, find_sites, read_site, site_classes
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.messages import held, note
from geoseg.methods.ranking import Intervals, intervals, macro, per_class
from geoseg.run_record import Progress
from geoseg.runtimes.classify import Classifier, open_classifier
from geoseg.spec import InputSpec, ModelSpec

LOG = logging.getLogger(__name__)

ROLES = ("test", "val", "train", "all")
"""Values of the option `--on`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Scores and reference classes of sites, for one classifier."""

    name: str
    reference: NDArray[np.bool_]
    """(N, K) presence of each class at each site."""
    scores: NDArray[np.float32]
    """(N, K) scores, 0..1."""
    intervals: Intervals

    @property
    def average_precision(self) -> tuple[float, ...]:
        """Average precision of each class; NaN where no site has the class."""
        return per_class(self.reference, self.scores)

    @property
    def macro(self) -> float:
        """Mean average precision over the classes."""
        return macro(self.average_precision)

    @property
    def positives(self) -> tuple[int, ...]:
        """Number of sites of each class."""
        return tuple(int(value) for value in self.reference.sum(axis=0))


def sites_of(spec: SceneTrainSpec, role: str) -> tuple[Site, ...]:
    """Return the sites of a part of the split, or all sites where the role is `all`.

    Raises:
        UsageError: the part does not exist, or has no site.
        SceneError: the sites cannot be read.
    """
    if role not in ROLES:
        raise UsageError(f"`--on {role}` is not one of {', '.join(ROLES)}")
    sites = by_role(find_sites(spec.data, spec.sensors, spec.classes), role)
    if not sites:
        raise UsageError(f"the table has no sites for `--on {role}`; use `--on val` or `--on all`")
    return sites


def rank(model: str, spec: SceneTrainSpec, sites: Sequence[Site], progress: Progress) -> Ranking:
    """Score sites with a bundle, as `geoseg methane facilities` scores windows.

    Args:
        model: name or path of a scene classifier.
        spec: the config of the labelled sites.
        sites: sites to score.
        progress: receives the number of sites done.

    Raises:
        ModelError: the model is not a scene classifier, or lacks a class of the config.
        SceneError: an image cannot be read.
    """
    bundle = find_classifier(model)
    columns = _columns(bundle, spec)
    sources = _sources(bundle, spec)
    with held():
        opened = open_classifier(bundle)
    try:
        scores = _score(bundle, opened.session, sites, sources, progress)
    finally:
        opened.session.close()
    reference, scores = site_classes(sites), scores[:, columns]
    spans = intervals(reference, scores)
    return Ranking(name=bundle.name, reference=reference, scores=scores, intervals=spans)


def _columns(model: ModelSpec, spec: SceneTrainSpec) -> list[int]:
    """Return the position of each class of the config in the output of the model."""
    labels = [entry.label for entry in model.classes]
    missing = [entry.label for entry in spec.classes if entry.label not in labels]
    if missing:
        raise ModelError(
            f"model {model.name} has no class {missing[0]!r} of the config; its classes are "
            f"{', '.join(labels)}"
        )
    return [labels.index(entry.label) for entry in spec.classes]


Sources = tuple[tuple[InputSpec, int, SiteImage] | None, ...]
"""For each input: the input, the position of its sensor in the config, and the options that open images."""


def _sources(model: ModelSpec, spec: SceneTrainSpec) -> Sources:
    """Return the sensor of the config for each input; units and pixel size are those of the model."""
    positions = {sensor.name: index for index, sensor in enumerate(spec.sensors)}
    sources: list[tuple[InputSpec, int, SiteImage] | None] = []
    for item in model.inputs:
        index = positions.get(item.name)
        if index is None:
            note(
                LOG,
                f"input {item.name} of {model.name} is not a sensor of the config: its values are set "
                f"to zero",
            )
            sources.append(None)
            continue
        image = spec.sensors[index].model_copy(update={"units": item.units, "resolution": item.resolution})
        sources.append((item, index, image))
    if not any(sources):
        raise ModelError(
            f"model {model.name} has the inputs {', '.join(item.name for item in model.inputs)}, but the "
            f"config has the sensors {', '.join(positions)}; at least one must be the same"
        )
    return tuple(sources)


def _score(
    model: ModelSpec, classifier: Classifier, sites: Sequence[Site], sources: Sources, progress: Progress
) -> NDArray[np.float32]:
    """Return the (N, K) scores of sites, computed in batches."""
    parts = []
    for start in range(0, len(sites), classifier.batch):
        part = sites[start : start + classifier.batch]
        batch = {
            item.name: np.zeros((len(part), len(item.bands), model.side(item), model.side(item)), np.float32)
            for item in model.inputs
        }
        for row, site in enumerate(part):
            if not _fill(batch, row, site, model, sources):
                raise SceneError(f"site {site.id} has no image of a sensor of {model.name}")
        parts.append(classifier(batch)[:, :, 0, 0])
        progress(min(start + classifier.batch, len(sites)), len(sites), "sites")
    return np.concatenate(parts)


def _fill(
    batch: dict[str, NDArray[np.float32]], row: int, site: Site, model: ModelSpec, sources: Sources
) -> bool:
    """Read the images of a site into a row of the batch; return whether there is an image."""
    has_image = False
    for source in sources:
        if source is None:
            continue
        item, index, image = source
        path = site.files[index]
        if path is not None:
            names = [band.name for band in item.bands]
            pixels = read_site(path, image, names, model.side(item), site, item.atmosphere)
            Normaliser(item)(pixels, batch[item.name][row])
            has_image = True
    return has_image
