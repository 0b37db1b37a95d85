"""A bundle to a TensorRT engine in the user's cache, kept only if it gives what float32 gives."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.atmosphere.reflectance import for_model
from geoseg.engine.network_on_scene import fit_network
from geoseg.errors import ModelError, RuntimeMissingError, UsageError
from geoseg.grid import Window
from geoseg.messages import collecting, held, note, replay
from geoseg.runtimes.agreement import SAME_ON_GPU, Agreement, compare_scores, score_all
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.engines import EngineStore
from geoseg.runtimes.graph import Precision, Wanted
from geoseg.runtimes.machine import usable_threads
from geoseg.runtimes.network_session import NetworkSession
from geoseg.runtimes.tensorrt import tensorrt_runtime as tensorrt
from geoseg.runtimes.tensorrt.int8_calibration import digest_of
from geoseg.scenes import open_scene
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ModelSpec, SceneSpec
from geoseg.spec.presets import sensors

LOG = logging.getLogger(__name__)

MOST_TILES = 64
"""Tiles of the scene that calibrate and judge."""

AUTO: tuple[Precision, ...] = ("fp16", "bf16", "fp32")
"""What `auto` tries, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEngine:
    """An engine that may be used."""

    engine: Path
    precision: Precision
    agreement: Agreement | None
    """With float32, on tiles of the scene; None: it is float32 itself and there was no scene."""
    record: dict[str, JsonValue]
    """What is written beside it."""


@collecting()
def scene_tiles(model: ModelSpec, scene: SceneSpec, tile: int) -> NDArray[np.float32]:
    """Read normalised tiles (N, C, tile, tile) from all over a scene.

    Raises:
        SceneError: the scene cannot be read, or lacks a band.
        ModelError: it does not fit the model.
    """
    bands = tuple(band.name for band in model.bands)
    with open_scene(scene, sensors()) as whole:
        chosen = for_model(whole, model).select(bands)
        replay(chosen.messages)
        normalise, _ = fit_network(model, chosen, chosen)
        blocks = sample(chosen, bands, size=tile, most=MOST_TILES)
        places = [block.window for block in blocks]
        windows = [Window(row=place.row, col=place.col, height=tile, width=tile) for place in places]
        return np.stack([normalise(chosen.read(window, bands)) for window in windows])


def build_engine(
    model: ModelSpec,
    tiles: NDArray[np.float32] | None,
    *,
    device: str = "auto",
    precision: str = "auto",
    tile: int,
    batch: int | None = None,
) -> BuiltEngine:
    """Build a model's engine, or find it in the cache, and compare it with float32 of another runtime.

    Args:
        model: the network.
        tiles: (N, C, tile, tile) normalised; None: only float32 can be built.
        device: `auto` and `cuda` are the first.
        precision: `auto`: the first of `AUTO` that agrees.
        tile: pixels a side.
        batch: tiles a run; None: the usual number.

    Raises:
        ModelError: a precision asked for does not give what float32 gives (the numbers are in the message;
            its engine is removed), or TensorRT cannot build it.
        RuntimeMissingError: TensorRT, the device or the precision is not there.
        UsageError: there are no tiles to prove less than float32 on.
    """
    status = tensorrt.status()
    if not status.usable:
        raise RuntimeMissingError(f"tensorrt {status.why_not}: {status.remedy}")
    if tiles is None and precision != "fp32":
        raise UsageError(
            "less than float32 has to be proved on tiles of a scene: say --scene SCENE, or --precision fp32"
        )
    wanted = AUTO if precision == "auto" else tuple(p for p in status.cuda_precisions if p == precision)
    if not wanted:
        has = ", ".join(status.cuda_precisions)
        raise RuntimeMissingError(f"tensorrt has no {precision} on this machine, only {has}")
    where = "cuda:0" if device in {"auto", "cuda"} else device
    expected = None if tiles is None else _reference(model, tiles, tile)
    for name in wanted:
        if name not in status.cuda_precisions:
            continue
        try:
            built = _build(model, tiles, expected, device=where, precision=name, tile=tile, batch=batch)
        except ModelError as error:
            if precision != "auto":
                raise
            note(LOG, f"{name} failed: {error}")
            continue
        if built.agreement is None or built.agreement.enough:
            return built
        text = _numbers(name, built.agreement, tiles)
        if precision != "auto":
            raise ModelError(f"{model.name}: {text}; its engine was removed")
        note(LOG, text)
    raise ModelError(f"{model.name}: no precision of TensorRT gives what onnxruntime gives in float32")


def _reference(model: ModelSpec, tiles: NDArray[np.float32], tile: int) -> NDArray[np.float32]:
    """Scores in float32 by onnxruntime on the CPU."""
    with held():
        session = open_session(
            model, runtime="onnxruntime", device="cpu", precision="fp32", tile=tile
        ).session
    try:
        return score_all(session, tiles)
    finally:
        session.close()


def _build(
    model: ModelSpec,
    tiles: NDArray[np.float32] | None,
    expected: NDArray[np.float32] | None,
    *,
    device: str,
    precision: Precision,
    tile: int,
    batch: int | None,
) -> BuiltEngine:
    """Build one precision and write into its record how far it agrees; remove it where that is too little."""
    store = EngineStore()
    wanted = Wanted(
        device=device,
        precision=precision,
        threads=usable_threads(),
        batch=batch,
        tile=tile,
        check=tiles,
        tell=partial(note, LOG),
    )
    graph, key, record = tensorrt.load_with_record(model, wanted)
    if precision == "int8" and record.get("calibration") != digest_of(tiles):
        # Calibrated on other tiles: these are to be calibrated on now.
        graph.close()
        store.remove(key)
        graph, key, record = tensorrt.load_with_record(model, wanted)
    session = NetworkSession(graph, model, tile=tile, batch=batch)
    agreement: Agreement | None = None
    try:
        if tiles is not None and expected is not None:
            found = score_all(session, tiles)
            agreement = compare_scores(expected, found, model.threshold, least_iou=SAME_ON_GPU)
    except ModelError:
        # It gives no numbers: half precision overflows.
        store.remove(key)
        raise
    finally:
        session.close()
    if agreement is not None:
        numbers = agreement.numbers(len(tiles) if tiles is not None else 0)
        if agreement.enough:
            store.amend(key, {"agreement": numbers})
            record = {**record, "agreement": numbers}
        else:
            store.remove(key)
    return BuiltEngine(engine=store.engine(key), precision=precision, agreement=agreement, record=record)


def _numbers(precision: str, agreement: Agreement, tiles: NDArray[np.float32] | None) -> str:
    count = 0 if tiles is None else len(tiles)
    return (
        f"{precision} gives another map than fp32 on {count} tiles: {agreement.equal:.3%} of pixels equal, "
        f"least IoU of a class {agreement.worst_iou:.4f} ({SAME_ON_GPU} is needed), mean score error "
        f"{agreement.score_error:.4f}"
    )
