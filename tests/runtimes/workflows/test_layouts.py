"""Networks whose channels stand last, or anywhere, score as their twins with channels first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from geoseg.errors import ModelError
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.loading import runtime_module
from geoseg.spec import Activation, ModelSpec
from geoseg.spec.layouts import CHANNELS_FIRST, CHANNELS_LAST, Axis, dim_order
from tests.runtimes.programs import with_program

MakeNetwork = Callable[..., ModelSpec]
Order = tuple[Axis, Axis, Axis, Axis]
TURNED: Order = ("batch", "channel", "width", "height")
ORDERS = {
    "last": (CHANNELS_LAST, CHANNELS_LAST),
    "last-to-first": (CHANNELS_LAST, CHANNELS_FIRST),
    "first-to-last": (CHANNELS_FIRST, CHANNELS_LAST),
    "width-before-height": (TURNED, CHANNELS_LAST),
}


@pytest.fixture(params=("onnxruntime", "openvino", "torch"))
def runtime(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not runtime_module(name).status().usable:
        pytest.skip(f"{name} is not installed")
    return name


def scores_of(spec: ModelSpec, runtime: str, tiles: np.ndarray) -> np.ndarray:
    if runtime == "torch":
        spec = with_program(spec)
    session = open_session(spec, runtime=runtime, precision="fp32", device="cpu", tile=32).session
    try:
        return np.array(session(tiles))
    finally:
        session.close()


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(("batch", "tile"), [(None, None), (None, 32), (2, 32)], ids=["free", "tile", "both"])
@pytest.mark.parametrize(
    ("planes", "activation"), [(1, "sigmoid"), (2, "softmax"), (4, "softmax")], ids=["one", "two", "four"]
)
def test_a_twin_scores_alike(
    order: tuple[Order, Order],
    batch: int | None,
    tile: int | None,
    planes: int,
    activation: Activation,
    runtime: str,
    make_network: MakeNetwork,
    tiles: np.ndarray,
) -> None:
    options = {"kernel": 3, "batch": batch, "tile": tile, "activation": activation}
    plain = make_network(planes, name="plain", **options)
    twin = make_network(planes, name="twin", order=order[0], output_order=order[1], **options)
    found = scores_of(twin, runtime, tiles)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, scores_of(plain, runtime, tiles), atol=2e-6)


@pytest.mark.parametrize("tile", [None, 32])
def test_an_order_that_is_not_the_graphs_is_refused(
    tile: int | None, runtime: str, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    last = make_network(2, tile=tile, order=CHANNELS_LAST, output_order=CHANNELS_LAST)
    said_first = last.model_copy(update={"dim_order": CHANNELS_FIRST, "output_dim_order": CHANNELS_FIRST})
    with pytest.raises(ModelError, match="see the input's dim_order"):
        scores_of(said_first, runtime, tiles)
    with pytest.raises(ModelError, match="see the output's dim_order"):
        scores_of(last.model_copy(update={"output_dim_order": CHANNELS_FIRST}), runtime, tiles)


@pytest.mark.parametrize("planes", [2, 3])
def test_planes_in_another_order_are_put_in_the_order_of_the_classes(
    planes: int, runtime: str, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    plain = make_network(planes, kernel=3)
    order = (planes - 1, *range(planes - 1))
    turned = plain.model_copy(update={"planes": order})
    expected = scores_of(plain, runtime, tiles)
    if planes == 2:
        # One plane, that of the second class: here what was the first.
        np.testing.assert_allclose(scores_of(turned, runtime, tiles), 1 - expected, atol=2e-6)
    else:
        np.testing.assert_allclose(scores_of(turned, runtime, tiles), expected[:, list(order)], atol=2e-6)


def test_one_plane_is_that_of_the_second_class_whatever_the_order(
    runtime: str, make_network: MakeNetwork, tiles: np.ndarray
) -> None:
    plain = make_network(1, activation="sigmoid")
    turned = plain.model_copy(update={"planes": (1, 0)})
    np.testing.assert_array_equal(scores_of(turned, runtime, tiles), scores_of(plain, runtime, tiles))


@pytest.mark.parametrize(
    ("said", "order"),
    [
        (["batch", "channel", "height", "width"], CHANNELS_FIRST),
        (["batch", "height", "width", "class"], CHANNELS_LAST),
        (["Batch", "y", "x", "bands"], CHANNELS_LAST),
        (["n", "c", "h", "w"], CHANNELS_FIRST),
        (["batch", "time", "height", "width"], None),
        (["batch", "time", "channel", "height", "width"], None),
        (["channel", "height", "width", "batch"], None),
        (["batch", "height", "height", "channel"], None),
    ],
)
def test_names_of_axes(said: list[str], order: Order | None) -> None:
    assert dim_order(said) == order
