"""How well scene classifiers rank sites: scores of a bundle beside what stands there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoseg.bundles.find import find_classifier
from geoseg.engine.normalise import Normaliser
from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.learn.samples.labelled_sites import Site, SiteImage, by_role, find_sites, read_site, truth_of
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.messages import held, note
from geoseg.methods.ranking import Intervals, intervals, macro, per_class
from geoseg.run_record import Progress
from geoseg.runtimes.classify import Classifier, open_classifier
from geoseg.spec import ClassifierSpec, SensorInput

LOG = logging.getLogger(__name__)

ROLES = ("test", "val", "train", "all")
"""Parts of a split."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """The scores of one classifier."""

    name: str
    truth: NDArray[np.bool_]
    """(N, K)."""
    scores: NDArray[np.float32]
    """(N, K)."""
    intervals: Intervals

    @property
    def average_precision(self) -> tuple[float, ...]:
        """Of every class; NaN without a positive."""
        return per_class(self.truth, self.scores)

    @property
    def macro(self) -> float:
        """Mean over the classes."""
        return macro(self.average_precision)

    @property
    def positives(self) -> tuple[int, ...]:
        """Sites of every class."""
        return tuple(int(value) for value in self.truth.sum(axis=0))


def sites_of(spec: SceneTrainSpec, role: str) -> tuple[Site, ...]:
    """Return the sites of a part of the split, or `all`.

    Raises:
        UsageError: there is no such part, or it is empty.
        SceneError: the sites cannot be read.
    """
    if role not in ROLES:
        raise UsageError(f"--on {role!r} is none of {', '.join(ROLES)}")
    found = by_role(find_sites(spec.data, spec.sensors, spec.classes), role)
    if not found:
        raise UsageError(f"the table holds nothing out for {role}; say --on val, or --on all")
    return found


def rank(model: str, spec: SceneTrainSpec, sites: Sequence[Site], progress: Progress) -> Ranking:
    """Score sites with a bundle, as `geoseg methane facilities` scores windows.

    Args:
        model: name or path of a scene classifier.
        spec: says where each sensor's images lie.
        sites: that are judged.
        progress: is told how far it is.

    Raises:
        ModelError: the model is no scene classifier, or has other classes than the config.
        SceneError: an image cannot be read.
    """
    found = find_classifier(model)
    columns = _columns(found, spec)
    sources = _sources(found, spec)
    with held():
        opened = open_classifier(found)
    try:
        scores = _score(found, opened.classifier, sites, sources, progress)
    finally:
        opened.classifier.close()
    truth, scores = truth_of(sites), scores[:, columns]
    return Ranking(name=found.name, truth=truth, scores=scores, intervals=intervals(truth, scores))


def _columns(model: ClassifierSpec, spec: SceneTrainSpec) -> list[int]:
    """Where the model's output has each class of the config."""
    labels = [entry.label for entry in model.classes]
    missing = [entry.label for entry in spec.classes if entry.label not in labels]
    if missing:
        raise ModelError(
            f"model {model.name} has no class {missing[0]!r}, which the config names; it has "
            f"{', '.join(labels)}"
        )
    return [labels.index(entry.label) for entry in spec.classes]


Sources = tuple[tuple[SensorInput, int, SiteImage] | None, ...]
"""Of each input: the input, the sensor's position in the config, how its images are opened."""


def _sources(model: ClassifierSpec, spec: SceneTrainSpec) -> Sources:
    """Find the config's sensor of each input of a model; what the model says of pixels and units counts."""
    places = {sensor.name: index for index, sensor in enumerate(spec.sensors)}
    found: list[tuple[SensorInput, int, SiteImage] | None] = []
    for given in model.inputs:
        index = places.get(given.name)
        if index is None:
            note(LOG, f"input {given.name} of {model.name} is no sensor of the config: it is given zeros")
            found.append(None)
            continue
        image = spec.sensors[index].model_copy(update={"units": given.units, "resolution": given.resolution})
        found.append((given, index, image))
    if not any(found):
        raise ModelError(
            f"model {model.name} has inputs {', '.join(given.name for given in model.inputs)}, the config "
            f"sensors {', '.join(places)}: none in common"
        )
    return tuple(found)


def _score(
    model: ClassifierSpec, classifier: Classifier, sites: Sequence[Site], sources: Sources, progress: Progress
) -> NDArray[np.float32]:
    """(N, K) scores, batch by batch."""
    parts = []
    for start in range(0, len(sites), classifier.batch):
        part = sites[start : start + classifier.batch]
        batch = {
            given.name: np.zeros(
                (len(part), len(given.bands), model.side(given), model.side(given)), np.float32
            )
            for given in model.inputs
        }
        for place, site in enumerate(part):
            if not _fill(batch, place, site, model, sources):
                raise SceneError(f"site {site.id} has no image of a sensor that {model.name} looks through")
        parts.append(classifier(batch))
        progress(min(start + classifier.batch, len(sites)), len(sites), "sites")
    return np.concatenate(parts)


def _fill(
    batch: dict[str, NDArray[np.float32]], place: int, site: Site, model: ClassifierSpec, sources: Sources
) -> bool:
    """Read what there is of a site; False where there is nothing."""
    seen = False
    for source in sources:
        if source is None:
            continue
        given, index, image = source
        path = site.files[index]
        if path is not None:
            names = [band.name for band in given.bands]
            pixels = read_site(path, image, names, model.side(given), site, given.atmosphere)
            Normaliser(given)(pixels, batch[given.name][place])
            seen = True
    return seen
