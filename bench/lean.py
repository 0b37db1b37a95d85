"""A lean pipeline as a yardstick: a network in tiles to a mask and polygons, in one file, without geoseg.

    python bench/lean.py SCENE MODEL OUT.gpkg [--runtime openvino] [--precision fp32] [--mask OUT.npy]

What somebody who knows the libraries would write for one scene: a thread reads strips of tiles, the network
runs in ONNX Runtime or OpenVINO, scores are blended over the overlap in memory, `rasterio.features.shapes`
draws the polygons and pyogrio writes them. No checks, no areas or mean scores, no record; the whole mask is
in memory.
`bench/run.py` runs it beside geoseg.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return the first pixel of tiles along an axis; the last tile is flush with the end."""
    return [min(at, max(length - tile, 0)) for at in range(0, max(length - overlap, 1), tile - overlap)]


def session(weights: Path, runtime: str, precision: str, shape: tuple[int, ...]) -> Callable[..., Any]:
    """Return a function of a batch (1, C, H, W) to logits."""
    if runtime == "onnxruntime":
        import onnxruntime  # noqa: PLC0415 - only the runtime in use

        run = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
        name = run.get_inputs()[0].name
        return lambda batch: run.run(None, {name: batch})[0]
    import openvino  # noqa: PLC0415

    core = openvino.Core()
    model = core.read_model(str(weights))
    model.reshape(list(shape))
    hint = {"fp32": "f32", "bf16": "bf16"}[precision]
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    )
    request = compiled.create_infer_request()
    return lambda batch: request.infer([batch], share_inputs=True, share_outputs=True)[0]


def ramp(size: int, before: int, after: int) -> NDArray[np.float32]:
    """Return weights that rise and fall over the pixels shared with the neighbours."""
    weights = np.ones(size, np.float32)
    if before:
        weights[:before] = (np.arange(before) + 0.5) / before
    if after:
        weights[size - after :] = ((np.arange(after) + 0.5) / after)[::-1]
    return weights


def mask_of(options: argparse.Namespace) -> tuple[NDArray[np.uint8], rasterio.Affine, str]:
    """Return the mask of a scene, its transform and CRS."""
    description = json.loads((options.model / "model.json").read_text())["properties"]["mlm:input"][0]
    statistics = description["value_scaling"]
    mean, std = (np.array([item[key] for item in statistics], np.float32) for key in ("mean", "stddev"))
    factor, shift = (1e-4 / std)[:, None, None], (-mean / std)[:, None, None]
    with rasterio.open(options.scene) as scene, ThreadPoolExecutor(1) as pool:
        height, width, tile, overlap = scene.height, scene.width, options.tile, options.overlap
        rows, cols = starts(height, tile, overlap), starts(width, tile, overlap)
        run = session(
            options.model / "model.onnx", options.runtime, options.precision, (1, scene.count, tile, tile)
        )
        mask = np.empty((height, width), np.uint8)
        sums = np.zeros((tile, width), np.float32)
        batch = np.empty((1, scene.count, tile, tile), np.float32)

        def read(row: int) -> NDArray[np.uint16]:
            return scene.read(window=Window(0, row, width, tile))

        pending = pool.submit(read, rows[0])
        for index, row in enumerate(rows):
            strip = pending.result()
            if index + 1 < len(rows):
                pending = pool.submit(read, rows[index + 1])
            above = rows[index - 1] + tile - row if index else 0
            below = row + tile - rows[index + 1] if index + 1 < len(rows) else 0
            down = ramp(tile, above, below)[:, None]
            for at, col in enumerate(cols):
                np.multiply(strip[:, :, col : col + tile], factor, out=batch[0])
                batch[0] += shift
                logits = run(batch)
                # The class of a softmax of two planes is the sign of their difference.
                score = 1 / (1 + np.exp(logits[0, 0] - logits[0, 1]))
                left = cols[at - 1] + tile - col if at else 0
                right = col + tile - cols[at + 1] if at + 1 < len(cols) else 0
                sums[:, col : col + tile] += score * down * ramp(tile, left, right)
            done = tile - below
            mask[row : row + done] = sums[:done] > 0.5
            sums[:below] = sums[done:].copy()
            sums[below:] = 0
        return mask, scene.transform, scene.crs.to_wkt()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--runtime", choices=("onnxruntime", "openvino"), default="openvino")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--overlap", type=int, default=64)
    parser.add_argument("--mask", type=Path, help="also write the mask, to compare it")
    options = parser.parse_args()
    mask, transform, crs = mask_of(options)
    found = rasterio.features.shapes(mask, mask=mask.view(bool), transform=transform)
    rings, counts, polygons = [], [], []
    for shape, _ in found:
        rings += shape["coordinates"]
        polygons.append(len(shape["coordinates"]))
        counts += [len(ring) for ring in shape["coordinates"]]
    points = np.array([point for ring in rings for point in ring], float)
    lines = shapely.linearrings(points, indices=np.repeat(np.arange(len(counts)), counts))
    geometry = shapely.polygons(lines, indices=np.repeat(np.arange(len(polygons)), polygons)) if rings else []
    pyogrio.raw.write(
        options.output, shapely.to_wkb(geometry), [np.ones(len(polygons), np.int32)], ["class"],
        driver="GPKG", geometry_type="Polygon", crs=crs, layer="segments",
    )  # fmt: skip
    if options.mask:
        np.save(options.mask, mask)
    print(json.dumps({"polygons": len(polygons), "water": float(mask.mean())}))


if __name__ == "__main__":
    main()
