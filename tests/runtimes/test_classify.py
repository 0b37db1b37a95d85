"""Scene classifiers in every runtime: the same scores, whatever the batch, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.bundles.find import check_bundle, find_classifier
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import machine
from geoseg.runtimes.choose import ON_CPU, available
from geoseg.runtimes.classify import default_batch, open_classifier
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import CHANNELS_LAST
from tests.classifiers import NAIP, SENTINEL_2, mean_classifier
from tests.runtimes.sessions import with_function

RUNTIMES = [status.name for status in available() if status.usable and status.name in ON_CPU]
SMALL = {**NAIP, "resolution": 20}
"""36 pixels a side."""


@pytest.fixture
def model(tmp_path: Path) -> ModelSpec:
    return mean_classifier(
        tmp_path / "two", (SENTINEL_2, SMALL), gains=[0.1, 0.2, 0.3, -0.1, -0.2, 0], biases=[0.5] * 6
    )


@pytest.fixture
def batch() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return {
        "sentinel-2": rng.random((5, 1, 72, 72), np.float32),
        "naip": rng.random((5, 2, 36, 36), np.float32),
    }


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("at_once", [1, 3, None])
def test_scores(
    runtime: str, at_once: int | None, model: ModelSpec, batch: dict[str, NDArray[np.float32]]
) -> None:
    opened = open_classifier(model, runtime=runtime, device="cpu", threads=1, batch=at_once)
    assert (opened.runtime, opened.precision) == (runtime, "fp32")
    sums = batch["sentinel-2"][:, 0].mean(axis=(1, 2)) + batch["naip"][:, 0].mean(axis=(1, 2))
    expected = sums[:, None] * np.array([0.1, 0.2, 0.3, -0.1, -0.2, 0]) + 0.5
    found = opened.session(batch)[:, :, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    single = [opened.session({name: values[i : i + 1] for name, values in batch.items()}) for i in range(5)]
    np.testing.assert_array_equal(np.concatenate(single)[:, :, 0, 0], found)
    opened.session.close()
    with pytest.raises(ModelError, match="closed"):
        opened.session(batch)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_inputs_with_channels_last(
    runtime: str, tmp_path: Path, batch: dict[str, NDArray[np.float32]]
) -> None:
    """One input each way; what is written of the order is read again."""
    inputs = SENTINEL_2, {**SMALL, "dim_order": CHANNELS_LAST}
    model = mean_classifier(tmp_path / "two", inputs, gains=[0.1] * 6, biases=[0.5] * 6)
    assert find_classifier(str(tmp_path / "two")) == model
    assert not [item for item in check_bundle(tmp_path / "two") if item.level == "error"]
    sums = batch["sentinel-2"][:, 0].mean(axis=(1, 2)) + batch["naip"][:, 0].mean(axis=(1, 2))
    found = open_classifier(model, runtime=runtime, device="cpu").session(batch)[:, :, 0, 0]
    np.testing.assert_allclose(found, np.repeat(0.1 * sums[:, None] + 0.5, 6, axis=1), atol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_logits_are_no_scores(runtime: str, tmp_path: Path) -> None:
    """Without an activation a graph must give 0..1; with sigmoid it may give anything."""
    lying = mean_classifier(tmp_path / "lying", gains=[9.0] * 6, biases=[-3.0] * 6)
    ones = {"sentinel-2": np.ones((1, 1, 72, 72), np.float32)}
    opened = open_classifier(lying, runtime=runtime, device="cpu")
    with pytest.raises(ModelError, match="output is 6 to 6, but the description states scores"):
        opened.session(ones)
    right = lying.model_copy(update={"activation": "sigmoid"})
    found = open_classifier(right, runtime=runtime, device="cpu").session(ones)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-6)), rtol=1e-6)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_graphs_that_are_not_what_is_said(runtime: str, tmp_path: Path) -> None:
    model = mean_classifier(tmp_path / "mean")
    fewer = model.model_copy(update={"classes": model.classes[:4]})
    with pytest.raises(ModelError, match=r"expected \(N, 4\), one score for each class"):
        open_classifier(fewer, runtime=runtime, device="cpu")
    larger = model.model_copy(update={"tile": 144, "stride": 144})
    with pytest.raises(ModelError, match="accepts 72 x 72 pixels only; its description states 144"):
        open_classifier(larger, runtime=runtime, device="cpu")
    with pytest.raises(ModelError, match="an input 'sentinel-2' that the description does not name"):
        open_classifier(model.model_copy(update={"input_name": "radar"}), runtime=runtime, device="cpu")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    model = mean_classifier(tmp_path / "mean")
    with pytest.raises(RuntimeMissingError, match="int8"):
        open_classifier(model, device="cpu", precision="int8")
    with pytest.raises(ModelError, match="SHA-256"):
        open_classifier(model.model_copy(update={"sha256": "0" * 64}))
    model.weights.unlink()
    with pytest.raises(ModelError, match="the weights of model mean are missing"):
        open_classifier(model)


def test_auto_takes_a_runtime_that_can_run_the_network(
    model: ModelSpec, batch: dict[str, NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    expected = open_classifier(model, runtime="onnxruntime", device="cpu").session(batch)
    with_function(model)
    model = model.model_copy(update={"sha256": ""})
    found = open_classifier(model, device="cpu")
    assert found.runtime == "onnxruntime"
    np.testing.assert_array_equal(found.session(batch), expected)


def test_large_footprints_come_in_small_batches(tmp_path: Path) -> None:
    small, large = mean_classifier(tmp_path / "small"), mean_classifier(tmp_path / "large", (NAIP,))
    assert (default_batch(small), default_batch(large)) == (64, 2**26 // (4 * 2 * 720**2))
    assert open_classifier(large, device="cpu").session.batch == default_batch(large)


@pytest.mark.parametrize("runtime", ["torch", "tensorrt"])
def test_runtimes_of_gpus_run_no_classifiers(model: ModelSpec, runtime: str) -> None:
    with pytest.raises(RuntimeMissingError, match="openvino or onnxruntime"):
        open_classifier(model, runtime=runtime)
