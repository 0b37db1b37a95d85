"""Build a TensorRT engine of a bundle in the cache, and keep it only if it agrees with float32."""

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
from geoseg.messages import collecting, counted, held, note, replay
from geoseg.runtimes.agreement import SAME_ON_GPU, Agreement, compare_scores, score_all
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.engines import EngineStore
from geoseg.runtimes.graph import LoadRequest, Precision
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
"""Greatest number of tiles of the scene for calibration and comparison."""

AUTO: tuple[Precision, ...] = ("fp16", "bf16", "fp32")
"""Precisions that `auto` tries, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEngine:
    """An engine that agrees with float32."""

    engine: Path
    precision: Precision
    agreement: Agreement | None
    """Agreement with float32 on tiles of the scene; None: a float32 engine without a scene."""
    record: dict[str, JsonValue]
    """Record that is stored with the engine."""


@collecting()
def scene_tiles(model: ModelSpec, scene: SceneSpec, tile: int) -> NDArray[np.float32]:
    """Read normalised tiles (N, C, tile, tile) that are spread over a scene.

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
    """Build the engine of a model, or find it in the cache, and compare it with float32 of ONNX Runtime.

    Args:
        model: the network.
        tiles: (N, C, tile, tile) normalised; None: only float32 can be built.
        device: `auto` and `cuda` mean the first GPU.
        precision: `auto` means the first of `AUTO` that agrees.
        tile: pixels a side.
        batch: tiles a run; None: the usual number.

    Raises:
        ModelError: the precision does not agree with float32 (its engine is removed), or TensorRT cannot
            build it.
        RuntimeMissingError: TensorRT, the device or the precision is not available.
        UsageError: there are no tiles to compare less than float32 on.
    """
    status = tensorrt.status()
    if not status.usable:
        raise RuntimeMissingError(f"tensorrt {status.why_not}: {status.remedy}")
    if tiles is None and precision != "fp32":
        raise UsageError(
            "less than float32 must be compared on tiles of a scene: give `--scene SCENE`, or "
            "`--precision fp32`"
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
    raise ModelError(f"{model.name}: no precision of TensorRT agrees with float32 of onnxruntime")


def _reference(model: ModelSpec, tiles: NDArray[np.float32], tile: int) -> NDArray[np.float32]:
    """Return the scores of tiles by onnxruntime in float32 on the CPU."""
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
    """Build one precision and store its agreement with float32; remove an engine that does not agree."""
    store = EngineStore()
    request = LoadRequest(
        spec=model,
        device=device,
        precision=precision,
        threads=usable_threads(),
        batch=batch,
        tile=tile,
        tiles=lambda: tiles,
        report=partial(note, LOG),
    )
    graph, key, record = tensorrt.load_with_record(request)
    if precision == "int8" and record.get("calibration") != digest_of(tiles):
        # It was calibrated on other tiles.
        graph.close()
        store.remove(key)
        graph, key, record = tensorrt.load_with_record(request)
    session = NetworkSession(graph, model, tile=tile, batch=batch)
    agreement: Agreement | None = None
    try:
        if tiles is not None and expected is not None:
            found = score_all(session, tiles)
            agreement = compare_scores(expected, found, model.threshold, least_iou=SAME_ON_GPU)
    except ModelError:
        # Half precision overflows.
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
        f"{precision} gives another map than fp32 on {counted(count, 'tile')}"
        f": {agreement.equal:.3%} of pixels equal, "
        f"least IoU of a class {agreement.worst_iou:.4f} ({SAME_ON_GPU} is needed), mean score error "
        f"{agreement.score_error:.4f}"
    )
