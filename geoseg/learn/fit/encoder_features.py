"""The embedding of labelled pixels by an encoder, and the encoder as part of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose

from geoseg.engine.date_metadata import scene_facts, with_planes
from geoseg.engine.normalise import Normaliser
from geoseg.errors import ModelError
from geoseg.files.onnx_files import OPSET
from geoseg.learn.fit.features import EMBEDDING
from geoseg.learn.fit.head_graph import INPUT, PHYSICAL, GraphParts
from geoseg.learn.fit.label_pixels import LabelPixels
from geoseg.learn.fit.scene_pixels import by_tile
from geoseg.messages import held
from geoseg.runtimes import Session
from geoseg.scenes import Scene
from geoseg.spec import ModelBand, ModelSpec
from geoseg.tile_grid import TileGrid

PREFIX = "encoder_"


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelEncoder:
    """An encoder that reads some bands of the scenes of a fit."""

    model: ModelSpec
    """Of the encoder: its planes are features at `stride`."""
    session: Session
    bands: tuple[ModelBand, ...]
    """Of the network that is fitted, with their mean and standard deviation."""

    @property
    def order(self) -> list[int]:
        """Return the position of each band of the encoder among those of the network."""
        names = [band.name for band in self.bands]
        return [names.index(band.name) for band in self.model.bands]

    def features(self, scene: Scene, pixels: LabelPixels, prepare: Normaliser) -> NDArray[np.float32]:
        """Return the features (n, D) of labelled pixels: bilinear between those of patches, as in the graph.

        The tiles are those of a map, so that a label has the context that its pixel has in a map.

        Args:
            scene: to be read.
            pixels: of the scene.
            prepare: normalises the bands of the network.
        """
        model = self.model
        tiles = _tiles(scene, model)
        found = np.zeros((len(pixels.labels), self.session.planes), np.float32)
        facts = scene_facts(model, scene)
        cells = by_tile(pixels, tiles)
        for start in range(0, len(cells), max(1, self.session.batch)):
            part = cells[start : start + max(1, self.session.batch)]
            windows = [window for window, _ in part]
            images = [prepare(scene.read(window, scene.band_names)) for window in windows]
            planes = self.session(with_planes(self._encoder_input(np.stack(images)), facts, np))
            for window, (_, members), own in zip(windows, part, planes, strict=True):
                rows, cols = pixels.rows[members] - window.row, pixels.cols[members] - window.col
                found[members] = interpolated(own, rows, cols, model.stride)
        return found

    def _encoder_input(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the bands (N, B, H, W) of the encoder in its normalisation, from those of the network."""
        factor, shift = encoder_scaling(self.bands, self.model)
        return np.asarray(images[:, self.order] * factor[:, None, None] + shift[:, None, None], np.float32)


def tile_of(
    scene: Scene, pixels: LabelPixels, model: ModelSpec
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Return the first tile of a fitted network that has labelled pixels.

    Returns:
        Positions of the labelled pixels of the tile, the input (1, C, H, W) with its metadata, and rows and
        columns of the pixels in the tile.
    """
    window, members = by_tile(pixels, _tiles(scene, model))[0]
    image = Normaliser(model)(scene.read(window, scene.band_names))[None]
    with held():  # what is unknown is reported with the features
        facts = scene_facts(model, scene)
    planes = with_planes(image, facts, np)
    return members, planes, pixels.rows[members] - window.row, pixels.cols[members] - window.col


def _tiles(scene: Scene, model: ModelSpec) -> TileGrid:
    """Return the tiles of a map by a network of fixed tile size."""
    return TileGrid(
        grid=scene.grid, size=model.tile, overlap=min(model.overlap, model.tile // 2), fitted=model.multiple
    )


def encoder_scaling(
    bands: Sequence[ModelBand], encoder: ModelSpec
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factor and shift (B,) from the normalised bands of a network to those of an encoder.

    Both read the same physical values: physical = x std + mean, input = (physical scale - mean) / std.
    """
    own = {band.name: band for band in bands}
    factor = [own[band.name].std * encoder.scale / band.std for band in encoder.bands]
    shift = [(own[band.name].mean * encoder.scale - band.mean) / band.std for band in encoder.bands]
    return np.array(factor, np.float32), np.array(shift, np.float32)


def interpolated(
    planes: NDArray[np.float32], rows: NDArray[np.intp], cols: NDArray[np.intp], stride: int
) -> NDArray[np.float32]:
    """Return features (n, D) at pixels, bilinear between the centres of patches, constant beyond them.

    Args:
        planes: (D, h, w) features of patches.
        rows: of the pixels in the tile.
        cols: of the pixels in the tile.
        stride: pixels of a side of a patch.
    """
    height, width = planes.shape[1:]
    y = np.clip((rows + 0.5) / stride - 0.5, 0, height - 1)
    x = np.clip((cols + 0.5) / stride - 0.5, 0, width - 1)
    top, left = np.minimum(y.astype(np.intp), height - 1), np.minimum(x.astype(np.intp), width - 1)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (y - top).astype(np.float32), (x - left).astype(np.float32)
    upper = planes[:, top, left] * (1 - across) + planes[:, top, right] * across
    lower = planes[:, below, left] * (1 - across) + planes[:, below, right] * across
    return np.asarray((upper * (1 - down) + lower * down).T, np.float32)


def add_encoder(parts: GraphParts, encoder: PixelEncoder) -> None:
    """Add an encoder to a graph: its bands in its normalisation, its features at every pixel.

    Raises:
        ModelError: the graph of the encoder has another operator set.
    """
    model = encoder.model
    graph = onnx.load(str(model.weights))
    opset = next((item.version for item in graph.opset_import if not item.domain), 0)
    if opset != OPSET or len(graph.opset_import) > 1 or graph.functions:
        raise ModelError(f"{model.weights}: the graph of the encoder is not of ONNX opset {OPSET} alone")
    order = parts.weight("encoder_order", np.array(encoder.order, np.int64))
    chosen = parts.add("Gather", [PHYSICAL, order], "encoder_bands", axis=1)
    factor = parts.per_channel("encoder_factor", np.array([model.scale / b.std for b in model.bands]))
    shift = parts.per_channel("encoder_shift", np.array([-b.mean / b.std for b in model.bands]))
    fed = PREFIX + (model.input_name or graph.graph.input[0].name)
    own = [parts.add("Add", [parts.add("Mul", [chosen, factor], "encoder_scaled"), shift], "encoder_own")]
    if model.metadata:
        first, total = len(encoder.bands), len(encoder.bands) + len(model.metadata)
        planes = parts.weight("encoder_planes", np.arange(first, total, dtype=np.int64))
        own.append(parts.add("Gather", [INPUT, planes], "encoder_metadata", axis=1))
    parts.add("Concat", own, fed, axis=1)
    inner = compose.add_prefix(graph, PREFIX).graph
    parts.nodes.extend(inner.node)
    parts.weights.extend(inner.initializer)
    made = PREFIX + (model.output_name or graph.graph.output[0].name)
    if model.stride == 1:
        parts.add("Identity", [made], f"{EMBEDDING}_features")
        return
    scales = parts.weight("encoder_scales", np.array([1, 1, model.stride, model.stride], np.float32))
    parts.add(
        "Resize",
        [made, "", scales],
        f"{EMBEDDING}_features",
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
