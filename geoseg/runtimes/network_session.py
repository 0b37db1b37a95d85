"""A network as a `Session`: batches of any size, activation, and a look at what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError
from geoseg.runtimes.activation import activate, score_planes
from geoseg.runtimes.graph import DeviceGraph, Graph, check_planes, order_hint, planes_allowed
from geoseg.spec import Activation, ModelSpec

OUT_OF_SCORES = 0.01
"""How far scores may leave 0..1 by rounding; beyond they are no scores."""


def is_device_graph(graph: Graph) -> TypeGuard[DeviceGraph]:
    """Whether a graph takes what lies on its device already."""
    return hasattr(graph, "on_device")


class NetworkSession:
    """A `Session` over a loaded graph.

    The graph is called with multiples of the tiles that it was loaded for, whatever a batch carries, so the
    scores of a tile do not depend on the batch. Calls may come from any one thread at a time; the runtimes
    release the interpreter's lock while they compute.
    """

    def __init__(self, graph: Graph, spec: ModelSpec, *, tile: int, batch: int | None) -> None:
        """Wrap a graph.

        Args:
            graph: loaded for `spec`.
            spec: the model.
            tile: pixels a side.
            batch: tiles that a caller should hand over at once; None: as many as the graph takes.

        Raises:
            ModelError: the graph's output does not fit the classes.
        """
        self._graph: Graph | None = graph
        self._spec = spec
        self._activation: Activation = spec.activation
        self._temperature = spec.temperature
        self._tile = tile
        # Graphs that copy and compute at once take several batches a call.
        self._parts = int(getattr(graph, "parts", 1))
        self._batch = max(batch or 0, graph.batch * self._parts)
        shape = graph.ports.output.shape
        raw_planes = shape[1] if shape is not None else None
        if raw_planes is None:
            blank = np.zeros((graph.batch, len(spec.bands), tile, tile), np.float32)
            raw_planes = self._run(graph, blank).shape[1]
        self._raw_planes = raw_planes
        # One plane for two classes is that of the second, wherever the description lists it.
        self._order = list(spec.planes) if raw_planes == len(spec.planes) else []
        self._told = graph.description
        self._others: list[Graph] = []

    @property
    def description(self) -> str:
        """Runtime with version, device, precision and threads; and what was found out while running."""
        if self._graph is not None:
            self._told = self._graph.description
        return self._told

    @property
    def planes(self) -> int:
        """K, after activation."""
        return score_planes(self._activation, self._raw_planes)

    @property
    def device_graph(self) -> DeviceGraph | None:
        """The graph, where it takes what lies on its device already."""
        return self._graph if self._graph is not None and is_device_graph(self._graph) else None

    @property
    def activation(self) -> tuple[Activation, float]:
        """What turns raw output into scores: an activation and its temperature."""
        return self._activation, self._temperature

    @property
    def plane_order(self) -> list[int]:
        """Where each class stands among the planes of the raw output; empty: in the order of the classes."""
        return self._order

    @property
    def batch(self) -> int:
        """How many tiles a call should carry."""
        return self._batch

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score (N, C, tile, tile) to (N, K, tile, tile) in 0..1.

        Raises:
            ModelError: the output is not what the description says, or is not a number.
        """
        graph = self._open()
        if len(batch) == graph.batch == 1:
            return self._scores(graph, batch)
        out = np.empty((len(batch), self.planes, self._tile, self._tile), np.float32)
        step = graph.batch * self._parts
        for start in range(0, len(batch), step):
            part = batch[start : start + step]
            missing = -len(part) % graph.batch
            if missing:
                filled = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
                out[start : start + len(part)] = self._scores(graph, filled)[: len(part)]
            else:
                out[start : start + len(part)] = self._scores(graph, part)
        return out

    def raw_range(self, batch: NDArray[np.float32]) -> tuple[float, float]:
        """Return the least and greatest raw output for one tile."""
        graph = self._open()
        tiles = np.repeat(batch[:1], graph.batch, axis=0)
        raw = self._run(graph, tiles)
        return float(raw.min()), float(raw.max())

    def no_number(self, where: str) -> ModelError:
        """Return what is raised where the network gives NaN; `where` describes the graph that did."""
        return ModelError(
            f"{self._spec.weights}: gives NaN for a tile of numbers ({where}); try --precision fp32, else "
            "the network is damaged"
        )

    def take_for_logits(self) -> None:
        """Apply the activation that a graph without one needs: softmax, or sigmoid for one plane."""
        self._activation = "softmax" if self._raw_planes > 1 else "sigmoid"

    def close_with(self, graphs: Sequence[Graph]) -> None:
        """Take over graphs of the same network on other devices, to release them together."""
        self._others += graphs

    def close(self) -> None:
        """Release the graph and its threads."""
        for graph in (self._graph, *self._others):
            if graph is not None:
                graph.close()
        self._graph, self._others = None, []

    def _open(self) -> Graph:
        if self._graph is None:
            raise ModelError(f"{self._spec.weights}: its session is closed")
        return self._graph

    def _run(self, graph: Graph, batch: NDArray[np.float32]) -> NDArray[np.generic]:
        """Run whole graph batches and check the shape of what comes out."""
        # Parts and flips of batches are views, which not every runtime takes.
        raw = graph(np.ascontiguousarray(batch))
        if raw.ndim != 4 or raw.shape[0] != len(batch) or raw.shape[2:] != (self._tile, self._tile):
            raise ModelError(
                f"{self._spec.weights}: gives {raw.shape} for {batch.shape}; scores of every pixel are needed"
                + order_hint(raw.shape, planes_allowed(self._spec), "the output's dim_order")
            )
        check_planes(self._spec, raw.shape[1])
        return raw

    def _scores(self, graph: Graph, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raw = self._run(graph, batch)
        scores = activate(self._activation, raw[:, self._order] if self._order else raw, self._temperature)
        if np.isnan(scores.min()):
            raise self.no_number(graph.description)
        return scores
