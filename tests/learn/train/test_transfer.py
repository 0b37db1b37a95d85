"""Weights of ONNX networks start a training: by name, also where normalisation was merged."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.models.networks.segmentation import Segmenter, build  # noqa: E402

from geoseg.bundles.find import find_model  # noqa: E402
from geoseg.errors import ModelError  # noqa: E402
from geoseg.learn.train.bundle_export import Scoring, to_onnx  # noqa: E402
from geoseg.learn.train.config import read_config  # noqa: E402
from geoseg.learn.train.transfer import start_from, whole_parts  # noqa: E402
from geoseg.spec import NetworkSpec  # noqa: E402
from tests.messages import Messages  # noqa: E402

SMALL = NetworkSpec(encoder="tu-resnet10t", depth=3, decoder_channels=(16, 8, 8))


def made(spec: NetworkSpec = SMALL, classes: int = 3, bands: int = 4) -> Segmenter:
    names = [f"b{index}" for index in range(bands)]
    network = build(spec, bands=names, classes=classes, statistics=[(0, 1)] * bands)
    network.eval()
    return network


def scores(network: Segmenter, image: object) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(Scoring(network).eval()(image))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "source.onnx"
    to_onnx(Scoring(made()).eval(), 4, path)
    return path


@pytest.mark.parametrize("name", ["water-optical", "flood-sar"])
def test_a_bundle_is_loaded_whole(name: str) -> None:
    model, spec = find_model(name), read_config(name)
    network = build(
        spec.network,
        bands=[band.name for band in model.bands],
        classes=len(model.classes),
        statistics=[(band.mean, band.std) for band in model.bands],
        scale=model.scale,
    )
    image = torch.randn(1, len(model.bands), 64, 64)
    done = start_from(network, name, image)
    assert not done.missing
    assert not done.unused
    session = onnxruntime.InferenceSession(str(model.weights))
    expected = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
    np.testing.assert_allclose(scores(network, image), expected, atol=1e-5)


def test_another_head_keeps_its_start_and_is_listed(tmp_path: Path, messages: Messages) -> None:
    torch.manual_seed(1)
    source, target = made(), made(classes=5)
    head = target.body.segmentation_head[0].weight.clone()
    path = tmp_path / "source.onnx"
    to_onnx(Scoring(source).eval(), 4, path)
    done = start_from(target, str(path), torch.randn(1, 4, 64, 64))
    assert set(done.missing) == {"segmentation_head.0.weight", "segmentation_head.0.bias"}
    assert torch.equal(target.body.segmentation_head[0].weight, head)
    assert any(text.endswith("own start: segmentation_head.* (2)") for text in messages.notes)
    image = torch.randn(1, 4, 64, 64)
    with torch.no_grad():
        features = [network.body.encoder(image)[-1] for network in (source, target)]
    torch.testing.assert_close(features[0], features[1], atol=1e-4, rtol=1e-4)


def test_every_weight_that_is_not_loaded_is_listed(exported: Path, messages: Messages) -> None:
    """A network of wider decoder: more weights are not loaded than a short message would name."""
    wide = SMALL.model_copy(update={"decoder_channels": (32, 16, 8)})
    done = start_from(made(wide), str(exported), torch.randn(1, 4, 64, 64))
    (text,) = (text for text in messages.notes if "own start" in text)
    named = text.partition("own start: ")[2].split(", ")
    assert len(done.missing) > 10
    parts = {name.partition(".* (")[0] for name in named}
    assert all(any(f"{key}.".startswith(f"{part}.") for part in parts) for key in done.missing)
    assert not any(f"{key}.".startswith(f"{part}.") for part in parts for key in done.loaded)


def test_whole_parts_of_a_network_are_named_once() -> None:
    every = [
        "a.0.weight",
        "a.0.bias",
        "a.1.weight",
        "b.weight",
        "b.bias",
        "b.num_batches_tracked",
        "c.weight",
    ]
    assert whole_parts(["a.0.weight", "a.0.bias", "b.weight", "b.bias"], every) == "a.0.* (2), b.* (2)"
    assert whole_parts(["a.0.bias", "c.weight"], every) == "a.0.bias, c.* (1)"


def test_another_architecture_is_refused(exported: Path) -> None:
    target = made(NetworkSpec(architecture="fpn", encoder="resnet18"))
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(ModelError, match="weights fit the network"):
        start_from(target, str(exported), torch.randn(1, 4, 64, 64))
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


@pytest.mark.parametrize("kind", ["BFLOAT16", "FLOAT16", "INT8"])
def test_weights_of_other_types_are_converted_but_for_integers(
    kind: str, exported: Path, tmp_path: Path
) -> None:
    """Integers of a quantised file mean nothing without their scales."""
    path, key = tmp_path / "source.onnx", "segmentation_head.0.weight"
    graph = onnx.load(exported)
    (item,) = (item for item in graph.graph.initializer if item.name.endswith(key))
    values = onnx.numpy_helper.to_array(item)
    data_type = getattr(onnx.TensorProto, kind)
    item.CopyFrom(onnx.helper.make_tensor(item.name, data_type, values.shape, values.ravel()))
    onnx.save(graph, path)
    target = made()
    own = target.body.get_parameter(key).detach().clone()
    done = start_from(target, str(path), torch.randn(1, 4, 64, 64))
    found = target.body.get_parameter(key).detach()
    assert done.missing == ((key,) if kind == "INT8" else ())
    np.testing.assert_allclose(found, own if kind == "INT8" else values, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value: float, exported: Path, tmp_path: Path) -> None:
    path, key = tmp_path / "source.onnx", "segmentation_head.0.weight"
    graph = onnx.load(exported)
    (item,) = (item for item in graph.graph.initializer if item.name.endswith(key))
    values = onnx.numpy_helper.to_array(item).copy()
    values.flat[0] = value
    item.CopyFrom(onnx.numpy_helper.from_array(values, item.name))
    onnx.save(graph, path)
    with pytest.raises(ModelError, match=f"not finite: {key}; use another file"):
        start_from(made(), str(path), torch.randn(1, 4, 64, 64))


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        start_from(made(), str(path), torch.randn(1, 4, 64, 64))


@pytest.mark.usefixtures("real_cloud_networks")
@pytest.mark.parametrize(
    "file", ["model_4b_l1c.onnx", pytest.param("model_6b_l2a.onnx", marks=pytest.mark.slow)]
)
def test_a_network_of_ukis_csmask_is_loaded_whole(file: str, messages: Messages) -> None:
    """Each weight of the file is in the network, whose logits are those of the file but for float16."""
    package = find_spec("ukis_csmask")
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / file
    network = made(NetworkSpec(encoder="efficientnet-b4"), bands=int(file[6]))
    image = torch.randn(1, int(file[6]), 256, 256, generator=torch.Generator().manual_seed(0))
    done = start_from(network, str(path), image)
    assert {item.name.removeprefix("model.") for item in onnx.load(str(path)).graph.initializer} == set(
        done.loaded
    )
    assert (done.missing, done.unused) == ((), ())
    assert {key.split(".")[1] for key in done.idle} == {"_conv_head", "_bn1"}
    assert not [note for note in messages.notes if "not used" in note or "own start" in note]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"input": image.numpy()})[0]
    with torch.no_grad():
        logits = network(image).numpy()
    assert np.abs(logits - expected).mean() < 0.01 * expected.std()
    assert (logits.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.99


def test_a_half_file_with_an_unknown_and_a_lacking_weight_lists_both(tmp_path: Path) -> None:
    """As such files are: float16, `model.` before the names, normalisation by itself, padding computed."""
    source, target = (made(NetworkSpec(encoder="efficientnet-b0")) for _ in range(2))
    state = {key: value for key, value in source.body.state_dict().items() if value.dtype == torch.float32}
    lacking = "encoder._blocks.3._bn1.running_var"
    kept = {
        key: value
        for key, value in state.items()
        if not key.startswith(("encoder._conv_head", "encoder._bn1"))
    }
    kept |= {
        "decoder.extra.weight": torch.ones(4),
        "/model/encoder/_blocks.0/pad/Constant_output_0": torch.ones(2),
    }
    weights = [
        onnx.numpy_helper.from_array(
            value.numpy().astype(np.float16), key if key[0] == "/" else f"model.{key}"
        )
        for key, value in kept.items()
        if key != lacking
    ]
    graph = onnx.helper.make_graph([], "half", [], [], weights)
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "half.onnx"))
    done = start_from(target, str(tmp_path / "half.onnx"), torch.randn(1, 4, 64, 64))
    assert (done.missing, done.unused) == ((lacking,), ("decoder.extra.weight",))
    assert {key.split(".")[1] for key in done.idle} == {"_conv_head", "_bn1"}
    own = target.body.state_dict()
    for key in done.loaded:
        torch.testing.assert_close(own[key], state[key].half().float(), rtol=0, atol=0)
