"""Floods in regions that were not trained on, and with few images, as in a comparison of foundation models.

The protocol is that of arXiv:2511.01990 on FloodPlanet, whose code and hyper-parameters are not published:
each region is left out in turn; and few images are drawn from the training part. Networks are trained as the
config says, without a validation part: the last weights are scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geoseg.errors import UsageError
from geoseg.learn.protocols.jobs import Job
from geoseg.learn.samples import SampleWindow, SplitSpec, find_samples, sample_windows, split
from geoseg.learn.samples.splits import leave_out, part_names
from geoseg.learn.train.training_spec import TrainSpec

LEFT_OUT = "leave-one-region-out"
LEAST_REGIONS = 2


def flood_region_jobs(spec: TrainSpec, dataset: str, shots: Sequence[int], seeds: int) -> tuple[Job, ...]:
    """Return the trainings of a config: one for each region left out, and for each number of images and seed.

    Raises:
        SceneError: the labelled set cannot be read.
        UsageError: the set has one region, or the split has no test part or fewer images than shots.
    """
    loop = spec.loop.model_copy(update={"keep": "last", "patience": 0})
    spec = spec.model_copy(update={"loop": loop})
    everything = sample_windows(find_samples(spec.data), spec.data)
    return (*_left_out(spec, dataset, everything), *_few(spec, dataset, everything, shots, seeds))


def _left_out(spec: TrainSpec, dataset: str, everything: tuple[SampleWindow, ...]) -> list[Job]:
    regions = SplitSpec(kind="region")
    names = part_names(everything, regions)
    if len(names) < LEAST_REGIONS:
        raise UsageError(f"{spec.name}: {LEFT_OUT} needs at least two regions; the set has one")
    jobs = []
    for name in names:
        roles = leave_out(everything, regions, name)
        jobs.append(
            Job(
                spec=spec,
                dataset=dataset,
                setting=LEFT_OUT,
                name=f"without-{name}",
                seed=spec.loop.seed,
                training=roles["train"],
                validation=(),
                test=roles["test"],
                described=roles["train"],
                parameters={"protocol": "flood-regions", "left_out": name, "shots": None},
            )
        )
    return jobs


def _few(
    spec: TrainSpec, dataset: str, everything: tuple[SampleWindow, ...], shots: Sequence[int], seeds: int
) -> list[Job]:
    shots = [number for number in shots if number]
    if not shots:
        return []
    roles = split(everything, spec.split)
    if not roles["test"]:
        raise UsageError(
            f"{spec.name}: few images need split.test, and no sample is assigned to it; `--images 0` "
            "leaves out regions alone"
        )
    jobs = []
    for number in shots:
        for seed in range(seeds):
            chosen = draw_images(roles["train"], number, seed)
            seeded = spec.model_copy(update={"loop": spec.loop.model_copy(update={"seed": seed})})
            jobs.append(
                Job(
                    spec=seeded,
                    dataset=dataset,
                    setting=f"{number} image{'s' if number > 1 else ''}",
                    name=f"shots-{number}-seed-{seed}",
                    seed=seed,
                    training=chosen,
                    validation=(),
                    test=roles["test"],
                    described=chosen,
                    parameters={"protocol": "flood-regions", "left_out": None, "shots": number},
                )
            )
    return jobs


def draw_images(places: Sequence[SampleWindow], number: int, seed: int) -> tuple[SampleWindow, ...]:
    """Return the windows of some images; of one seed, more images contain those of fewer.

    Raises:
        UsageError: there are fewer images.
    """
    ids = list(dict.fromkeys(place.sample.id for place in places))
    if number > len(ids):
        raise UsageError(f"`--images {number}`: the train part has only {len(ids)} images; name fewer")
    drawn = {ids[index] for index in np.random.default_rng(seed).permutation(len(ids))[:number]}
    return tuple(place for place in places if place.sample.id in drawn)
