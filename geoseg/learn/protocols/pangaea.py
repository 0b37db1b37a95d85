"""PANGAEA (Marsocci et al. 2024, arXiv:2412.04204): frozen encoders with UPerNet, with shares of the labels.

Settings are those of the code, `VMarsocci/pangaea-bench` of July 2025. What differs here is in
docs/protocols.md.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.learn.protocols.jobs import Job
from geoseg.learn.protocols.strata import draw_share, stratum_of
from geoseg.learn.samples import find_samples, sample_windows, split
from geoseg.learn.train.chip_cache import ChipCache
from geoseg.learn.train.config import read_config
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note, warn
from geoseg.spec.band_names import plain_name

LOG = logging.getLogger(__name__)

SEED = 234
UPERNET = "upernet"

SETTINGS: Mapping[str, object] = {
    "network.architecture": UPERNET,
    "network.decoder_channels": [512],
    "network.train": "frozen",
    "network.features": "none",
    "network.prior": False,
    "network.depth": 5,
    "network.pretrained": None,
    "helper": None,
    "statistics": "training",
    "augment": {"flips": False},
    "loss": {"cross_entropy": 1.0},
    "loop.epochs": 80,
    "loop.validate_every": 5,
    "loop.samples_per_epoch": None,
    "loop.batch": 8,
    "loop.learning_rate": 1e-4,
    "loop.weight_decay": 0.05,
    "loop.average": 0,
    "loop.patience": 0,
    "loop.keep": "best",
    "loop.changed": 0,
    "loop.precision": "32",
    "loop.seed": SEED,
}
"""Values that the protocol sets in a config."""

ANY_BANDS = ("dofa", "clay")
"""Families of encoders that read any band with a wavelength."""


def read_pangaea_config(name: str, data: Path | None, settings: Mapping[str, object]) -> TrainSpec:
    """Read a config and set what the protocol prescribes; `settings` of the user override both.

    Raises:
        UsageError: the config does not exist or does not fit the protocol.
    """
    prescribed = dict(SETTINGS)
    if settings.get("network.architecture", UPERNET) != UPERNET:
        del prescribed["network.decoder_channels"]  # those of UPerNet
    spec = read_config(name, data, {**prescribed, **settings})
    encoder = spec.described_encoder
    bands = spec.bands
    if encoder is not None and encoder.family not in ANY_BANDS:
        bands = tuple(band for band in bands if plain_name(band.name) in encoder.bands)
        if dropped := [band.name for band in spec.bands if band not in bands]:
            note(
                LOG, f"{spec.name}: {encoder.name} has no band {', '.join(dropped)}; left out, as in PANGAEA"
            )
    if not bands:
        raise UsageError(f"{name}: encoder {spec.network.encoder} has none of the config's bands")
    if spec.network.train == "frozen" and _is_random(spec):
        warn(
            LOG,
            "frozen-encoder-random",
            f"{spec.name}: encoder {spec.network.encoder} is frozen with random weights, so the scores say "
            "nothing about it; set network.weights, or network.train=full for training from scratch",
        )
    # The mean and std of the published weights do not normalise here: those of the data set do.
    plain = tuple(band.model_copy(update={"mean": None, "std": None}) for band in bands)
    side = spec.loop.crop
    loop = spec.loop.model_copy(
        update={"validate_every": min(spec.loop.validate_every or 1, spec.loop.epochs)}
    )
    return spec.model_copy(update={"bands": plain, "tile": side, "overlap": side // 4, "loop": loop})


def _is_random(spec: TrainSpec) -> bool:
    """Return whether an encoder starts without pretrained weights."""
    weights, encoder = spec.network.weights, spec.described_encoder
    published = encoder is not None and encoder.weights is not None
    return weights == "none" or (weights == "auto" and not published)


def pangaea_jobs(
    spec: TrainSpec, dataset: str, percentages: Sequence[float], seeds: int, chips: ChipCache | None = None
) -> tuple[Job, ...]:
    """Return the trainings of a config: one for each share of the labels and seed.

    Args:
        spec: the config.
        dataset: name of its set in results.
        percentages: shares of the labels.
        seeds: number of trainings of each share.
        chips: of the set, from which strata are found; keeps what is read for the trainings. None: nothing
            is kept.

    Raises:
        SceneError: the labelled set cannot be read.
        UsageError: the split has no part for validation or testing.
    """
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    for role in ("val", "test"):
        if not roles[role]:
            raise UsageError(f"{spec.name}: PANGAEA needs split.{role}, and no sample is assigned to it")
    read = (chips or ChipCache.of(spec, limit=0)).read
    strata = [stratum_of(read(place).label, len(spec.classes)) for place in roles["train"]]
    jobs = []
    for percent in percentages:
        for seed in range(spec.loop.seed, spec.loop.seed + seeds):
            kept = draw_share(strata, percent / 100, seed)
            seeded = spec.model_copy(update={"loop": spec.loop.model_copy(update={"seed": seed})})
            jobs.append(
                Job(
                    spec=seeded,
                    dataset=dataset,
                    setting=f"{percent:g}%",
                    name=f"labels-{percent:g}-seed-{seed}",
                    seed=seed,
                    training=tuple(roles["train"][index] for index in kept),
                    validation=roles["val"],
                    test=roles["test"],
                    described=roles["train"],
                    parameters={
                        "protocol": "pangaea",
                        "data_percentages": percent,
                        "strata": len(set(strata)),
                    },
                )
            )
    return tuple(jobs)
