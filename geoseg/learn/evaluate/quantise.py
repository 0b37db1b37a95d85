"""Quantise a bundle to int8 with calibration tiles, and check the accuracy of its maps."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from geoseg.bundles.find import CARD, architecture_of, find_model, write_bundle
from geoseg.bundles.graph_size import check_work
from geoseg.bundles.onnx_metadata import read_header
from geoseg.engine.normalise import Normaliser, fit_to_scene
from geoseg.errors import ModelError, OutputError, UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.evaluate.scene_maps import map_and_compare
from geoseg.learn.evaluate.subjects import Subject
from geoseg.learn.samples import Sample, SampleWindow, find_samples, sample_windows, split
from geoseg.learn.samples.chips import stacked_source
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import main_score
from geoseg.run_record import Progress
from geoseg.scenes.threshold_sample import sample as sample_blocks
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import to_graph

MAX_TILES = 64
"""Greatest number of calibration tiles."""

MAX_LOSS = 0.005
"""Greatest permitted loss of the main score by int8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """The result of a quantisation."""

    model: ModelSpec
    score: float
    """Main score of the int8 maps."""
    score_fp32: float
    """Main score of the fp32 maps."""
    mib: float
    """Size of the weights in MiB."""


class _Tiles(CalibrationDataReader):  # type: ignore[misc]
    """Calibration tiles for ONNX Runtime."""

    def __init__(self, name: str, tiles: Sequence[NDArray[np.float32]]) -> None:
        """Store tiles for an input, each a batch of one with the axes of the graph."""
        self._name = name
        self._remaining: Iterator[NDArray[np.float32]] = iter(tiles)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next tile; None at the end."""
        tile = next(self._remaining, None)
        return None if tile is None else {self._name: np.ascontiguousarray(tile)}


@reading_inputs()
def quantise(
    source: Path, bundle: Path, spec: TrainSpec, progress: Progress, *, overwrite: bool = False
) -> Quantised:
    """Write the network of a bundle in int8 (static, QDQ, symmetric, weights per channel).

    Quantisation is symmetric and biases are float32, as TensorRT requires; OpenVINO and ONNX Runtime run the
    same file.

    Args:
        source: the bundle.
        bundle: folder to write.
        spec: training config; its train part calibrates, its test part (else val) is evaluated.
        progress: receives the number of scenes done.
        overwrite: whether to replace an existing bundle.

    Raises:
        ModelError: the score of the int8 maps is more than `MAX_LOSS` below that of fp32, or the network has
            loops that may never end.
        UsageError: the split has no test and no val part.
        OutputError: the bundle exists, is the source itself, or cannot be written.
    """
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle} exists; use `--overwrite` to replace it")
    model = find_model(str(source))
    if check_work(model.weights):
        raise ModelError(
            f"{model.weights}: has loops that may never end, and the calibration cannot stop them"
        )
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    evaluated = roles["test"] or roles["val"]
    if not evaluated:
        raise UsageError(
            "the split has no test or val part to evaluate the int8 network on; set one in the config"
        )
    tiles = calibration_tiles(model, roles["train"], spec)
    header = read_header(model.weights)
    name = model.input_name or header.inputs[0].name
    with scratch_folder() as scratch:
        weights = scratch / "bundle" / "model.onnx"
        logging.disable(logging.WARNING)
        try:
            with scratching(scratch):
                weights.parent.mkdir()
                quantize_static(
                    str(model.weights),
                    str(weights),
                    _Tiles(name, [tile[None].transpose(to_graph(model.dim_order)) for tile in tiles]),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.MinMax,
                    extra_options={
                        "ActivationSymmetric": True,
                        "WeightSymmetric": True,
                        "QuantizeBias": False,
                    },
                )
        finally:
            logging.disable(logging.NOTSET)
        update = {"weights": weights, "name": bundle.name, "evidence": None}
        small = model.model_copy(update=update)
        architecture = architecture_of(model)
        trial = write_bundle(scratch / "bundle", small, architecture=architecture)
        fp32, int8 = (
            _score(str(path), evaluated, spec, scratch / path.name, progress)
            for path in (model.weights.parent, trial.weights.parent)
        )
        if int8 < fp32 - MAX_LOSS:
            raise ModelError(
                f"the score of the int8 maps is {int8:.4f}, that of the fp32 maps {fp32:.4f}; the loss is "
                f"greater than {MAX_LOSS:g}, so {bundle} was not written"
            )
        written = write_bundle(bundle, small, architecture=architecture, card=_card(model, fp32, int8))
    return Quantised(model=written, score=int8, score_fp32=fp32, mib=written.weights.stat().st_size / 2**20)


def calibration_tiles(
    model: ModelSpec, windows: Sequence[SampleWindow], spec: TrainSpec
) -> list[NDArray[np.float32]]:
    """Return normalised tiles (C, side, side) of evenly spread training windows."""
    step = max(1, len(windows) // MAX_TILES)
    bands = tuple(band.name for band in model.bands)
    normalisers: dict[Sample, Normaliser] = {}
    tiles = []
    for place in windows[::step][:MAX_TILES]:
        with stacked_source(place.sample, spec.data, bands, model.atmosphere) as source:
            if place.sample not in normalisers:
                normalisers[place.sample] = Normaliser(fit_to_scene(model, sample_blocks(source, bands)))
            longest = max(place.window.height, place.window.width)
            side = min(model.tile, -(-longest // model.multiple) * model.multiple)
            window = replace(place.window, height=side, width=side)
            tiles.append(normalisers[place.sample](source.read(window, bands)))
    return tiles


def _score(
    model: str, windows: Sequence[SampleWindow], spec: TrainSpec, folder: Path, progress: Progress
) -> float:
    scenes = map_and_compare(Subject(name=model, model=model), windows, spec, folder / "maps", progress)
    return main_score(np.sum([scene.counts for scene in scenes], axis=0))


def _card(model: ModelSpec, fp32: float, int8: float) -> str:
    card = model.weights.parent / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {model.name}\n"
    scores = f"its score on held-out scenes is {int8:.4f}, that of fp32 {fp32:.4f}"
    return f"{text}\nThis is the int8 version; {scores}.\n"
