"""A bundle in int8: quantised on calibration tiles, and kept only if its maps are as right."""

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
from geoseg.bundles.onnx_metadata import read_header
from geoseg.engine.normalise import Normaliser, fit_to_scene
from geoseg.errors import ModelError, OutputError, UsageError
from geoseg.files.inputs import reading_inputs
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.evaluate.maps import judge
from geoseg.learn.evaluate.subjects import Subject
from geoseg.learn.samples import Place, Sample, find_samples, places, split
from geoseg.learn.samples.chips import stacked_source
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import main_score
from geoseg.run_record import Progress
from geoseg.scenes.threshold_sample import sample as sample_blocks
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import to_graph

MOST_TILES = 64
"""Calibration tiles."""

WORST_DROP = 0.005
"""Score that int8 may cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What came of it."""

    model: ModelSpec
    score: float
    score_fp32: float
    mib: float


class _Tiles(CalibrationDataReader):  # type: ignore[misc]
    """Hands calibration tiles to the quantiser, one by one."""

    def __init__(self, name: str, tiles: Sequence[NDArray[np.float32]]) -> None:
        """Take tiles for an input, each a batch of one in the graph's order of axes."""
        self._name = name
        self._left: Iterator[NDArray[np.float32]] = iter(tiles)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next."""
        tile = next(self._left, None)
        return None if tile is None else {self._name: np.ascontiguousarray(tile)}


@reading_inputs()
def quantise(
    source: Path, bundle: Path, spec: TrainSpec, progress: Progress, *, overwrite: bool = False
) -> Quantised:
    """Write a bundle's network in int8 (static, QDQ, symmetric, weights per channel).

    Symmetric and with biases in float32, so that TensorRT reads it too. OpenVINO and onnxruntime run the
    same file.

    Args:
        source: the bundle.
        bundle: folder to write.
        spec: training config: its train part calibrates; its test part, else val, judges.
        progress: is told how far it is.
        overwrite: whether a bundle there may be replaced.

    Raises:
        ModelError: the int8 maps score more than half a point below those of fp32; nothing is written.
        UsageError: the split holds nothing out to judge by.
        OutputError: the bundle exists, is the source itself, or cannot be written.
    """
    if bundle.exists() and not overwrite:
        raise OutputError(f"{bundle}: exists; say --overwrite to replace it")
    model = find_model(str(source))
    dealt = split(places(find_samples(spec.data), spec.data), spec.split)
    held = dealt["test"] or dealt["val"]
    if not held:
        raise UsageError("the split holds nothing out: int8 cannot be judged")
    tiles = calibration_tiles(model, dealt["train"], spec)
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
            _score(str(path), held, spec, scratch / path.name, progress)
            for path in (model.weights.parent, trial.weights.parent)
        )
        if int8 < fp32 - WORST_DROP:
            raise ModelError(
                f"int8 maps score {int8:.4f}, fp32 maps {fp32:.4f}: more than {WORST_DROP:g} is lost, so "
                f"{bundle} was not written"
            )
        written = write_bundle(bundle, small, architecture=architecture, card=_card(model, fp32, int8))
    return Quantised(model=written, score=int8, score_fp32=fp32, mib=written.weights.stat().st_size / 2**20)


def calibration_tiles(
    model: ModelSpec, windows: Sequence[Place], spec: TrainSpec
) -> list[NDArray[np.float32]]:
    """Read normalised tiles (C, tile, tile) of evenly spread training windows."""
    step = max(1, len(windows) // MOST_TILES)
    bands = tuple(band.name for band in model.bands)
    fitted: dict[Sample, Normaliser] = {}
    found = []
    for place in windows[::step][:MOST_TILES]:
        with stacked_source(place.sample, spec.data, bands, model.atmosphere) as source:
            if place.sample not in fitted:
                fitted[place.sample] = Normaliser(fit_to_scene(model, sample_blocks(source, bands)))
            longest = max(place.window.height, place.window.width)
            side = min(model.tile, -(-longest // model.multiple) * model.multiple)
            window = replace(place.window, height=side, width=side)
            found.append(fitted[place.sample](source.read(window, bands)))
    return found


def _score(model: str, held: Sequence[Place], spec: TrainSpec, folder: Path, progress: Progress) -> float:
    verdicts = judge(Subject(name=model, model=model), held, spec, folder / "maps", progress)
    return main_score(np.sum([verdict.counts for verdict in verdicts], axis=0))


def _card(model: ModelSpec, fp32: float, int8: float) -> str:
    card = model.weights.parent / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {model.name}\n"
    return f"{text}\nThis is its int8 version: {int8:.4f} where fp32 scores {fp32:.4f}, on held-out scenes.\n"
