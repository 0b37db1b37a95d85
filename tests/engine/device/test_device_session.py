"""What stands around a network is done on the device too: flips, a second date, reference layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.bundles.find import find_model
from geoseg.engine.blend import Decide
from geoseg.engine.normalise import Normaliser
from geoseg.errors import ModelError
from geoseg.runtimes import Session
from geoseg.runtimes.tta import Flipped
from geoseg.spec import ClassSpec, InputSpec, ModelSpec
from geoseg.spec.layouts import CHANNELS_LAST
from geoseg.tasks.change.change_network import BothDates
from geoseg.tasks.change.transitions import Counter, FromScores, transitions_between
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.tasks.flood.flood_network import WaterWithLayers
from tests.tasks.flood.network_bundles import LIMITS, known

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.engine.device.device_sweep import DeviceSweep  # noqa: E402
from tests.engine.device.maps import Maps, Stored, alike, map_of, open_network, sweep_of  # noqa: E402

Make = Callable[[], ModelSpec]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("water-optical", "uint16"), ("flood-sar", "float32"), ("three classes", "uint16")],
)
def test_flips_are_averaged_there(name: str, dtype: str, make_classes: Make, tmp_path: Path) -> None:
    model = make_classes() if name == "three classes" else find_model(name)
    source, session = Stored(model, 150, 200, dtype), Flipped(open_network(model))
    given_to: Any = {"normaliser": Normaliser(model), "threshold": model.threshold}
    expected = map_of(model.classes, source, tmp_path, session=session, **given_to)
    plain = map_of(model.classes, source, tmp_path, session=session.session, **given_to)
    assert np.abs(expected[1].astype(int) - plain[1]).max() > 2, "flips make a difference"
    sweep = sweep_of(session, Normaliser(model))
    alike(map_of(model.classes, source, tmp_path, session=session, sweep=sweep, **given_to), expected)


def test_answers_of_one_place_are_kept_apart(make_network: Callable[..., ModelSpec], tmp_path: Path) -> None:
    """Where a network ends in its activation, what a CUDA graph writes over is the score itself."""
    model = make_network(1, kernel=3, gain=3, tail="Sigmoid", classes=2, activation="none")
    source, session = Stored(model, 150, 200), Flipped(open_network(model))
    given_to: Any = {"normaliser": Normaliser(model)}
    expected = map_of(model.classes, source, tmp_path, session=session, **given_to)
    sweep = sweep_of(session, Normaliser(model))
    alike(map_of(model.classes, source, tmp_path, session=session, sweep=sweep, **given_to), expected)


@pytest.mark.parametrize("planes", [2, 3])
def test_axes_and_planes_in_any_order(
    planes: int, make_network: Callable[..., ModelSpec], tmp_path: Path
) -> None:
    """Channels last, and the background's plane the last: as on the host, and as first in every way."""
    made = {"kernel": 3, "gain": 3}
    plain = make_network(planes, **made, name="plain")
    last = make_network(planes, **made, name="last", order=CHANNELS_LAST, output_order=CHANNELS_LAST)
    turned = last.model_copy(update={"planes": (planes - 1, *range(planes - 1))})
    maps = []
    for number, model in enumerate((plain, last, turned)):
        source, session = Stored(model, 150, 200), open_network(model)
        given_to: Any = {"normaliser": Normaliser(model)}
        folder = tmp_path / str(number)
        folder.mkdir()
        maps.append(map_of(model.classes, source, folder, session=session, **given_to))
        sweep = sweep_of(session, Normaliser(model))
        alike(map_of(model.classes, source, folder, session=session, sweep=sweep, **given_to), maps[-1])
    alike(maps[1], maps[0])
    assert not np.array_equal(maps[2][0], maps[0][0])


class Change:
    """A network over two dates, and a scene of both; each date has statistics of its own."""

    def __init__(
        self, model: ModelSpec, *, averaged: bool = False, size: tuple[int, int] = (150, 200)
    ) -> None:
        later = [
            band.model_copy(update={"name": f"after:{band.name}", "mean": band.mean * 1.1})
            for band in model.bands
        ]
        self.spec: InputSpec = model.model_copy(update={"bands": (*model.bands, *later)})
        self.network = open_network(model)
        inner: Session = Flipped(self.network) if averaged else self.network
        self.session = BothDates(inner, len(model.bands), len(model.classes))
        self.source = Stored(self.spec, *size)
        self.transitions = transitions_between(model.classes, None)
        self.counter = self._count()

    def sweep(self, **options: Any) -> DeviceSweep:
        return sweep_of(self.session, Normaliser(self.spec), **options)

    def map(self, folder: Path, sweep: DeviceSweep | None = None, widest: int | None = None) -> Maps:
        """The codes of what changed; `counter` then has the pixels of each."""
        self.counter = self._count()
        decide: Decide = FromScores(transitions=self.transitions, counter=self.counter, threshold=0.3)
        return map_of(
            self.transitions.specs,
            self.source,
            folder,
            session=self.session,
            normaliser=Normaliser(self.spec),
            sweep=sweep,
            decide=decide,
            widest=widest,
        )

    def _count(self) -> Counter:
        return Counter(self.source.grid, len(self.transitions.classes) ** 2)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("name", ["three classes", "water-optical"])
def test_two_dates_are_compared(name: str, averaged: bool, make_classes: Make, tmp_path: Path) -> None:
    """Codes of class pairs, and how many pixels each has; of a network of one plane too."""
    change = Change(make_classes() if name == "three classes" else find_model(name), averaged=averaged)
    expected = change.map(tmp_path)
    counted = change.counter.pixels
    assert len(np.unique(expected[0])) >= 4, "kinds of change are there, no change and nodata"
    alike(change.map(tmp_path, change.sweep()), expected)
    assert np.array_equal(change.counter.pixels, counted)
    assert counted.sum() == change.source.valid.sum()


def test_many_kinds_of_change_need_two_bytes(make_network: Callable[..., ModelSpec], tmp_path: Path) -> None:
    change = Change(make_network(17, gain=2))
    expected = change.map(tmp_path)
    assert expected[0].dtype == np.uint16
    assert expected[0][change.source.valid].max() > 255
    alike(change.map(tmp_path, change.sweep()), expected)


class Water:
    """A network of radar beside reference layers, which are not known everywhere."""

    def __init__(self, *names: str, averaged: bool = False) -> None:
        self.model = find_model("flood-sar")
        random = np.random.default_rng(4)
        blocks = random.choice([0.0, 4.0, 5.5, 10.0, 15.0, 16.0, np.nan], (len(names), 15, 20))
        layers = blocks.repeat(10, axis=1).repeat(10, axis=2).astype(np.float32)
        self.source = Stored(self.model, 150, 200, "float32", layers=dict(zip(names, layers, strict=True)))
        network: Session = open_network(self.model)
        self.session = WaterWithLayers(
            Flipped(network) if averaged else network, len(self.model.bands), known(*names), LIMITS
        )
        self.normaliser = Normaliser(self.model, names)

    def map(self, folder: Path, sweep: DeviceSweep | None = None, widest: int | None = None) -> Maps:
        third = ClassSpec(value=2, label="permanent", colour="#000080")
        classes = (*self.model.classes, third) if self.session.planes == 3 else self.model.classes
        return map_of(
            classes,
            self.source,
            folder,
            session=self.session,
            normaliser=self.normaliser,
            sweep=sweep,
            threshold=self.model.threshold,
            widest=widest,
        )

    def sweep(self, **options: Any) -> DeviceSweep:
        return sweep_of(self.session, self.normaliser, **options)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("names", [(), (HAND,), (HAND, SLOPE), (PERMANENT,), (PERMANENT, HAND, SLOPE)])
def test_layers_split_the_water(names: tuple[str, ...], averaged: bool, tmp_path: Path) -> None:
    water = Water(*names, averaged=averaged)
    expected = water.map(tmp_path)
    assert len(np.unique(expected[0])) == (4 if PERMANENT in names else 3)
    if names:
        without = Water(averaged=averaged).map(tmp_path)
        assert (expected[0] != without[0]).sum() > 100, "layers make a difference"
    alike(water.map(tmp_path, water.sweep()), expected)


def test_no_layer_hides_what_is_no_number(tmp_path: Path) -> None:
    """Even where ground is too high for water anyway."""
    water = Water(HAND)
    water.source.data[:2, 5, 5] = np.nan
    water.source.data[2] = 99
    for sweep in (None, water.sweep()):
        with pytest.raises(ModelError, match="returns NaN"):
            water.map(tmp_path, sweep)


@pytest.fixture(params=["change", "water"])
def case(request: pytest.FixtureRequest, make_classes: Make) -> Change | Water:
    """All that may stand around a network."""
    if request.param == "change":
        return Change(make_classes(), averaged=True, size=(330, 220))
    return Water(PERMANENT, HAND, averaged=True)


def test_neither_devices_nor_bands_of_columns_change_a_bit(case: Change | Water, tmp_path: Path) -> None:
    one = case.map(tmp_path, case.sweep())
    for devices, widest in ((2, None), (3, None), (1, 2), (3, 2)):
        found = case.map(tmp_path, case.sweep(devices=devices), widest)
        assert np.array_equal(found[0], one[0])
        assert np.array_equal(found[1], one[1])


@pytest.mark.parametrize("batch", [1, 3, 64, None])
def test_the_batch_does_not_change_the_map(batch: int | None, case: Change | Water, tmp_path: Path) -> None:
    expected = case.map(tmp_path)
    sweep = case.sweep(batch=batch)
    alike(case.map(tmp_path, sweep), expected)
    assert sweep.batches == ((batch,) if batch else sweep.batches)


class Third:
    """A device whose memory runs out in the third call of its network, once."""

    def __init__(self, graph: Any) -> None:
        self._graph, self.calls = graph, 0
        self.ports, self.batches, self.device = graph.ports, graph.batches, graph.device
        self.description = graph.description

    def on_device(self, batch: Any) -> Any:
        self.calls += 1
        if self.calls == 3:
            raise torch.OutOfMemoryError("the third flip")
        return self._graph.on_device(batch)


def test_memory_may_run_out_between_two_flips(make_classes: Make, tmp_path: Path) -> None:
    change = Change(make_classes(), averaged=True)
    expected = change.map(tmp_path)
    graph = Third(change.network.device_graph)
    sweep = change.sweep(batch=4, graph=graph)
    alike(change.map(tmp_path, sweep), expected)
    assert sweep.batches == (2,)


def test_any_scene_of_two_dates(make_classes: Make, tmp_path: Path) -> None:
    model = make_classes()

    @settings(max_examples=15, derandomize=True)
    @given(
        size=st.tuples(st.integers(20, 130), st.integers(20, 130)),
        averaged=st.booleans(),
        devices=st.integers(1, 3),
        batch=st.integers(1, 5),
        widest=st.sampled_from([None, 1, 2]),
    )
    def check(size: tuple[int, int], averaged: bool, devices: int, batch: int, widest: int | None) -> None:
        change = Change(model, averaged=averaged, size=size)
        expected = change.map(tmp_path)
        found = change.map(tmp_path, change.sweep(devices=devices, batch=batch), widest)
        alike(found, expected)

    check()
