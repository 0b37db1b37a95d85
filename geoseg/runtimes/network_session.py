"""A loaded network as a `Session`: batches of any size, activation, checks of the output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.messages import held, replay, warn
from geoseg.runtimes.activation import activate, score_planes
from geoseg.runtimes.enlarge import enlarged
from geoseg.runtimes.graph import (
    DeviceGraph,
    Graph,
    Precision,
    check_planes,
    order_hint,
    planes_allowed,
)
from geoseg.spec import Activation, ModelSpec
from geoseg.spec.models import EMBEDDING

LOG = logging.getLogger(__name__)

Batch = NDArray[np.float32] | Mapping[str, NDArray[np.float32]]
"""Tiles (N, C, H, W); of a scene classifier, such tiles by the name of each input."""

OUT_OF_SCORES = 0.01
"""How far rounding may move scores out of 0..1; values beyond are not scores."""


def is_device_graph(graph: Graph) -> TypeGuard[DeviceGraph]:
    """Return whether a graph reads tensors on its device."""
    return hasattr(graph, "on_device")


class NetworkSession:
    """A `Session` over a loaded graph.

    The graph is called with multiples of the number of tiles that it was loaded for, whatever the size of a
    batch, so the scores of a tile do not depend on the batch. Any thread may call, one at a time; the
    runtimes release the interpreter's lock while they compute.
    """

    def __init__(
        self,
        graph: Graph,
        spec: ModelSpec,
        *,
        tile: int,
        batch: int | None,
        release: Callable[[Graph], None] | None = None,
    ) -> None:
        """Wrap a graph.

        Args:
            graph: loaded for `spec`.
            spec: the model.
            tile: side of a tile in pixels.
            batch: tiles that a caller should pass per call; None: the batch of the graph.
            release: is called with the graph when the session closes; None: the graph is closed.

        Raises:
            ModelError: the output of the graph does not fit the classes.
        """
        self._graph: Graph | None = graph
        self._spec = spec
        self._activation: Activation = spec.activation
        self._temperature = spec.temperature
        self._tile = tile
        self._out = tile // spec.stride
        # Features stay at the stride of the network; scores are those of pixels.
        self._enlarge = 1 if spec.task == EMBEDDING or spec.classifies else spec.stride
        # Graphs that copy while they compute accept several batches per call.
        self._parts = int(getattr(graph, "parts", 1))
        self.batch = max(batch or 0, graph.batch * self._parts)
        shape = graph.ports.output.shape
        raw_planes = len(spec.classes) if spec.classifies else shape[1] if shape is not None else None
        if raw_planes is None:
            blank = np.zeros((graph.batch, spec.channels, tile, tile), np.float32)
            raw_planes = self._run(graph, blank).shape[1]
        self._raw_planes = raw_planes
        # A single plane for two classes is the score of the second class, in any order of the description.
        self._order = list(spec.planes) if raw_planes == len(spec.planes) else []
        self._description = graph.description
        self._others: list[Graph] = []
        self._release = release
        self._instead: Callable[[], OpenedSession] | None = None
        self._replaced_by: OpenedSession | None = None

    batch: int
    """Tiles that a call should hold."""

    @property
    def description(self) -> str:
        """Runtime with version, device, precision and threads, and limits that appeared during runs."""
        if self._replaced_by is not None:
            return self._replaced_by.session.description
        if self._graph is not None:
            self._description = self._graph.description
        return self._description

    @property
    def planes(self) -> int:
        """K, after activation."""
        return score_planes(self._activation, self._raw_planes)

    @property
    def device_graph(self) -> DeviceGraph | None:
        """The graph, if it reads tensors on its device and scores every pixel."""
        if self._graph is None or self._enlarge > 1:
            return None
        return self._graph if is_device_graph(self._graph) else None

    @property
    def activation(self) -> tuple[Activation, float]:
        """The activation and the temperature that turn raw output into scores."""
        return self._activation, self._temperature

    @property
    def plane_order(self) -> list[int]:
        """Plane of the raw output of each class; empty: planes are in the order of the classes."""
        return self._order

    @property
    def replaced(self) -> dict[str, JsonValue]:
        """Name, version and precision of the runtime that took over, for the record; empty: none did."""
        return {} if self._replaced_by is None else self._replaced_by.describe()

    def fall_back_to(self, load: Callable[[], OpenedSession]) -> None:
        """Go on in another runtime, with a warning, where this one cannot compute the network.

        Args:
            load: loads the network there; is called at most once.
        """
        self._instead = load

    def __call__(self, batch: Batch) -> NDArray[np.float32]:
        """Score (N, C, tile, tile) to (N, K, tile, tile) in 0..1, or to scores or features at the stride.

        Raises:
            ModelError: the session is closed, or the output does not fit the description or is NaN.
        """
        if self._replaced_by is not None:
            return self._replaced_by.session(batch)
        if self._instead is None:
            return self._scored(batch)
        try:
            return self._scored(batch)
        except ModelError as error:
            return self._scored_instead(batch, error)

    def _scored_instead(self, batch: Batch, error: ModelError) -> NDArray[np.float32]:
        """Score in the other runtime, which is used from now on if it can.

        Raises:
            ModelError: it cannot either: the first error.
        """
        load, self._instead = self._instead, None
        if load is None or self._graph is None:
            raise error
        try:
            with held() as messages:
                other = load()
        except (ModelError, RuntimeMissingError):
            raise error from None
        other.session._activation = self._activation
        try:
            scores = other.session(batch)
        except BaseException as failure:
            other.session.close()
            if isinstance(failure, ModelError):
                raise error from None
            raise
        warn(
            LOG,
            "runtime-failed",
            f"{error}; the map goes on with {other.session.description}, and tiles that were scored before "
            "are kept: name a runtime with `--runtime` to score all alike",
        )
        replay(messages)
        self._release = None
        self.close()
        self._replaced_by = other
        return scores

    def _scored(self, batch: Batch) -> NDArray[np.float32]:
        graph = self._graph
        if graph is None:
            raise ModelError(f"{self._spec.weights}: the session of this network is closed")
        count = _count(batch)
        if count == graph.batch == 1:
            return self._scores(graph, batch)
        side = self._out * self._enlarge
        out = np.empty((count, self.planes, side, side), np.float32)
        step = graph.batch * self._parts
        for start in range(0, count, step):
            stop = min(start + step, count)
            part = _part(batch, start, stop, -(stop - start) % graph.batch)
            out[start:stop] = self._scores(graph, part)[: stop - start]
        return out

    def raw_range(self, batch: NDArray[np.float32]) -> tuple[float, float]:
        """Return the least and greatest raw output for one tile."""
        graph = self._graph
        if graph is None:
            raise ModelError(f"{self._spec.weights}: the session of this network is closed")
        raw = self._run(graph, np.repeat(batch[:1], graph.batch, axis=0))
        return float(raw.min()), float(raw.max())

    def nan_error(self, where: str) -> ModelError:
        """Return the error for a network that returns NaN; `where` describes its graph."""
        return ModelError(
            f"{self._spec.weights}: the network returns NaN for a valid tile ({where}); use "
            "`--precision fp32`; "
            "if NaN remains, the network is damaged"
        )

    def use_logits(self) -> None:
        """Read the raw output as logits: apply softmax, or sigmoid for one plane."""
        self._activation = "softmax" if self._raw_planes > 1 else "sigmoid"

    def close_with(self, graphs: Sequence[Graph]) -> None:
        """Release graphs of the same network on other devices together with this session."""
        self._others += graphs

    def close(self) -> None:
        """Release the graph and its threads."""
        if self._replaced_by is not None:
            self._replaced_by.session.close()
        first, others = self._graph, self._others
        self._graph, self._others = None, []
        for graph in others:
            graph.close()
        if first is not None and self._release is not None:
            self._description = first.description
            self._release(first)
        elif first is not None:
            first.close()

    def _run(self, graph: Graph, batch: Batch) -> NDArray[np.generic]:
        """Run complete batches of the graph and check the shape of the output."""
        if isinstance(batch, Mapping):
            return self._run_classifier(graph, batch)
        # Parts and flips of batches are views, which some runtimes do not accept.
        raw = graph(np.ascontiguousarray(batch))
        if raw.ndim != 4 or raw.shape[0] != len(batch) or raw.shape[2:] != (self._out, self._out):
            raise ModelError(
                f"{self._spec.weights}: the output has shape {raw.shape} for {batch.shape}; geoseg "
                "needs scores "
                "for every pixel"
                + order_hint(raw.shape, planes_allowed(self._spec), "the output's dim_order")
            )
        check_planes(self._spec, raw.shape[1])
        return raw

    def _run_classifier(self, graph: Graph, batch: Mapping[str, NDArray[np.float32]]) -> NDArray[np.generic]:
        """Run complete batches of a scene classifier; its output (N, K) becomes (N, K, 1, 1)."""
        raw = graph(batch)
        expected = (_count(batch), len(self._spec.classes))
        if raw.shape != expected:
            raise ModelError(
                f"{self._spec.weights}: the output has shape {raw.shape} for {expected[0]} footprints; "
                f"expected {expected}"
            )
        if self._activation == "none":
            check_scores(self._spec, float(raw.min()), float(raw.max()))
        return raw[:, :, np.newaxis, np.newaxis]

    def _scores(self, graph: Graph, batch: Batch) -> NDArray[np.float32]:
        raw = self._run(graph, batch)
        if self._enlarge > 1:
            raw = enlarged(raw, self._enlarge)
        scores: NDArray[np.float32] = activate(
            self._activation, raw[:, self._order] if self._order else raw, self._temperature
        )
        if np.isnan(scores.min()):
            raise self.nan_error(graph.description)
        return scores


def in_scores(low: float, high: float) -> bool:
    """Return whether raw output from `low` to `high` may be scores in 0..1, but for rounding."""
    return not (low < -OUT_OF_SCORES or high > 1 + OUT_OF_SCORES)


def check_scores(spec: ModelSpec, low: float, high: float) -> None:
    """Check the raw output of a network whose description states that it is scores.

    Raises:
        ModelError: it is not in 0..1.
    """
    if not in_scores(low, high):
        instead = "sigmoid" if spec.classifies else "softmax or sigmoid"
        raise ModelError(
            f"{spec.weights}: the output is {low:.3g} to {high:.3g}, but the description states scores in "
            f"0..1 (activation none); for logits, set {instead}"
        )


def _count(batch: Batch) -> int:
    """Return the number of tiles in a batch."""
    return len(next(iter(batch.values()))) if isinstance(batch, Mapping) else len(batch)


def _part(batch: Batch, start: int, stop: int, missing: int) -> Batch:
    """Return some tiles of a batch, and `missing` tiles of zeros behind them."""
    if isinstance(batch, Mapping):
        return {name: _filled(tiles[start:stop], missing) for name, tiles in batch.items()}
    return _filled(batch[start:stop], missing)


def _filled(tiles: NDArray[np.float32], missing: int) -> NDArray[np.float32]:
    if not missing:
        return tiles
    return np.concatenate([tiles, np.zeros((missing, *tiles.shape[1:]), np.float32)])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A loaded network and how it was loaded."""

    session: NetworkSession
    runtime: str
    version: str
    device: str
    precision: Precision
    threads: int
    agreement: float | None
    """Share of pixels with the same class as in fp32, 0..1; None: no agreement check was made."""
    on_device: tuple[DeviceGraph, ...] = ()
    """Graphs of the network on each CUDA device in use that read tensors on their device."""
    measured: Mapping[str, JsonValue] | None = None
    """Times of one tile in each runtime and precision, for the record; None: nothing was to be chosen."""

    def describe(self) -> dict[str, JsonValue]:
        """Return runtime, version, device, precision and threads, for the record."""
        return {
            "name": self.runtime,
            "version": self.version,
            "device": self.device,
            "precision": self.precision,
            "threads": self.threads,
            **self.session.replaced,
        }
