"""Findings of the check of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geoseg.bundles.find import (
    check_bundle,
    write_bundle,
)
from geoseg.errors import ModelError
from tests.bundles.networks import (
    edited,
    make_spec,
    save_network,
)

pytestmark = pytest.mark.usefixtures("no_own_models")


def test_a_sound_bundle(bundle: Path) -> None:
    assert check_bundle(bundle) == ()


def test_findings(bundle: Path, weights: Path) -> None:
    (bundle / "README.md").unlink()
    edited(bundle, lambda item: item["properties"].pop("license"))
    findings = check_bundle(bundle)
    assert [finding.level for finding in findings] == ["warning", "warning"]
    for told, finding in zip(("states no licence", "there is no card"), findings, strict=True):
        assert told in finding.text
    save_network(bundle / "made.onnx", planes=5)
    first = check_bundle(str(bundle))[0]
    assert first.level == "error"
    assert "SHA-256" in first.text


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ({"planes": 5}, r"\(N, 2, 64, 64\) for 2 classes"),
        ({"bands": 2}, "has 2 input channels, but its description names 3 bands"),
        ({"shape": (1, 32, 32)}, "cannot run the network"),
    ],
)
def test_networks_that_are_not_as_described(network: dict[str, Any], told: str, tmp_path: Path) -> None:
    spec = make_spec(save_network(tmp_path / "m.onnx", **network))
    write_bundle(tmp_path / "b", spec, card="x")
    (finding,) = check_bundle(tmp_path / "b")
    assert finding.level == "error"
    with pytest.raises(ModelError, match=told):
        raise ModelError(finding.text)


def test_check_of_what_is_not_there(bundle: Path) -> None:
    with pytest.raises(ModelError, match="no model has this name"):
        check_bundle("nothing-like-this")
    (bundle / "made.onnx").unlink()
    assert any("made.onnx: cannot be read" in finding.text for finding in check_bundle(bundle))
    (bundle / "model.json").write_text("[]", encoding="utf-8")
    (finding,) = check_bundle(bundle)
    assert finding.level == "error"
