"""What a sweep would do on a GPU, by torch's fake tensors: all stays there, and is asked for once a row.

A fake tensor has a shape, a type and a device, and no numbers: mixing devices raises, and so does any
question that a GPU would have to be waited for. Streams and events, which only CUDA has, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from geoseg.engine.blend import Blend, Highest
from geoseg.engine.normalise import Normaliser
from geoseg.engine.reading import read_tile_rows
from geoseg.engine.scoring import observed_tiles
from geoseg.runtimes import Session
from geoseg.runtimes.graph import DeviceGraph
from geoseg.runtimes.network_session import NetworkSession
from geoseg.runtimes.tta import Flipped
from geoseg.spec import ModelSpec
from geoseg.tasks.change.change_network import BothDates
from geoseg.tasks.flood.choice import HAND, PERMANENT
from geoseg.tasks.flood.flood_network import WaterWithLayers
from geoseg.tile_grid import TileGrid
from tests.tasks.flood.network_bundles import LIMITS, known

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

from geoseg.engine.device.device_rows import RowScorer  # noqa: E402
from geoseg.engine.device.device_session import DeviceSession  # noqa: E402
from geoseg.engine.device.device_sweep import _Finishing  # noqa: E402
from tests.engine.device.maps import Stored, open_network  # noqa: E402

GPU = "cuda:0"


class OnGpu:
    """A network of one plane that is only fed from its device."""

    device, batches, description = GPU, range(1, 65), "fake"

    def on_device(self, batch: Any) -> Any:
        assert (str(batch.device), batch.dtype) == (GPU, torch.float32)
        return batch[:, :1] * 0.5


@contextmanager
def fake_cuda() -> Iterator[None]:
    """Fake tensors, and CUDA's streams as what does nothing."""
    stream = SimpleNamespace(record_event=object, wait_event=lambda event: None)
    with (
        mock.patch.multiple(
            torch.cuda,
            Stream=lambda device: stream,
            current_stream=lambda device: stream,
            device=nullcontext,
            stream=nullcontext,
        ),
        mock.patch.multiple(torch.Tensor, record_stream=lambda *_: None, pin_memory=lambda tensor: tensor),
        FakeTensorMode(allow_non_fake_inputs=True),
    ):
        yield


def _around(kind: str, network: NetworkSession, model: ModelSpec) -> tuple[Session, Normaliser, Stored]:
    """A session of a kind, what prepares for it, and a scene of 150 x 200 pixels."""
    if kind == "flips":
        return Flipped(network), Normaliser(model), Stored(model, 150, 200)
    if kind == "dates":
        later = [band.model_copy(update={"name": f"after:{band.name}"}) for band in model.bands]
        both = model.model_copy(update={"bands": (*model.bands, *later)})
        return BothDates(network, len(model.bands), 2), Normaliser(both), Stored(both, 150, 200, "float32")
    if kind == "layers":
        names = (PERMANENT, HAND)
        layers = {name: np.ones((150, 200), np.float32) for name in names}
        session = WaterWithLayers(network, len(model.bands), known(*names), LIMITS)
        return session, Normaliser(model, names), Stored(model, 150, 200, "float32", layers=layers)
    return network, Normaliser(model), Stored(model, 150, 200, kind)


@pytest.mark.parametrize("blend", ["linear", "crop"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "float64", "flips", "dates", "layers"])
def test_pixels_stay_on_the_gpu(kind: str, blend: Blend) -> None:
    model = find_model("water-optical")
    network = open_network(model)
    session, normaliser, source = _around(kind, network, model)
    tiles = TileGrid(grid=source.grid, size=64, overlap=16)
    job: Any = SimpleNamespace(
        tiles=tiles,
        recipe=SimpleNamespace(
            decision=Highest(values=tuple(range(max(2, session.planes))), threshold=0.5), dtype=np.uint8
        ),
    )
    span, graph = range(tiles.cols), OnGpu()
    on_device = DeviceSession(normaliser=normaliser, session=session, network=network)
    came: list[Any] = []
    with (
        fake_cuda(),
        mock.patch("geoseg.engine.device.device_sweep._host", lambda tensor, _: came.append(tensor)),
        mock.patch.object(torch.Tensor, "__bool__", autospec=True, return_value=True) as asked,
    ):
        scorer = RowScorer(cast(DeviceGraph, graph), on_device, tiles, blend, batch=4)
        finish = _Finishing(job, span, span)
        for row in read_tile_rows(source, source.band_names, tiles, span):
            wanted = list(observed_tiles(tiles, row, span))
            pixels = scorer.send(row)
            finish(row, pixels, scorer.score(pixels, wanted, span))
    assert asked.call_count == tiles.rows
    assert {(str(tensor.device), tensor.dtype) for tensor in came} == {(GPU, torch.uint8)}
    assert sum(len(tensor) for tensor in came) == 2 * source.grid.height


def test_what_lies_elsewhere_is_found() -> None:
    """The check itself."""
    with fake_cuda(), pytest.raises(Exception, match="device"):
        torch.ones(3, device=GPU) + torch.ones(3)
