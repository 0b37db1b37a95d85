"""Programs of bundles: described, copied, and run only where the author is trusted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from geoseg.bundles.find import find_model, write_bundle
from geoseg.bundles.mlm import ModelAsset
from geoseg.bundles.program import ARTIFACT, PROGRAM, TRUST, stated_program, trusted_program
from geoseg.errors import ModelError
from geoseg.spec import ModelSpec
from tests.bundles.networks import make_spec, save_network

CONTENT = b"a program"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A bundle with a program, whose author is trusted."""
    monkeypatch.setenv(TRUST, "1")
    weights = save_network(tmp_path / "made.onnx")
    (weights.parent / PROGRAM).write_bytes(CONTENT)
    write_bundle(tmp_path / "bundle", make_spec(weights, program=PROGRAM))
    return find_model(str(tmp_path / "bundle"))


def test_a_program_is_copied_and_described(bundle: ModelSpec) -> None:
    assert (bundle.program, bundle.program_sha256) == (PROGRAM, SHA256)
    assert trusted_program(bundle).read_bytes() == CONTENT
    item = json.loads((bundle.weights.parent / "model.json").read_text())
    assert item["assets"]["program"] == {
        "href": f"./{PROGRAM}",
        "type": "application/octet-stream",
        "roles": ["mlm:model"],
        "mlm:artifact_type": ARTIFACT,
        "file:checksum": f"1220{SHA256}",
    }


def test_a_bundle_describes_no_program_that_it_lacks(bundle: ModelSpec, tmp_path: Path) -> None:
    (bundle.weights.parent / PROGRAM).unlink()
    again = write_bundle(tmp_path / "again", bundle)
    assert again.program == ""
    assert find_model(str(tmp_path / "again")).program == ""


@pytest.mark.parametrize("trust", [None, "", "0", "yes"])
def test_a_program_is_not_run_unless_its_author_is_trusted(
    trust: str | None, bundle: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRUST)
    if trust is not None:
        monkeypatch.setenv(TRUST, trust)
    with pytest.raises(ModelError, match=f"set {TRUST}=1 if you trust the author"):
        trusted_program(bundle)


def test_a_model_without_a_program_says_how_to_get_one(bundle: ModelSpec) -> None:
    told = r"has no torch\.export program.*`geoseg export RUN -o FOLDER --program`"
    with pytest.raises(ModelError, match=told):
        trusted_program(bundle.model_copy(update={"program": ""}))


@pytest.mark.parametrize("sha256", ["", "0" * 64])
def test_another_program_than_described_is_refused(sha256: str, bundle: ModelSpec) -> None:
    with pytest.raises(ModelError, match=f"SHA-256 is {SHA256}, the description states"):
        trusted_program(bundle.model_copy(update={"program_sha256": sha256}))


def test_a_program_that_is_missing_is_refused(bundle: ModelSpec) -> None:
    (bundle.weights.parent / PROGRAM).unlink()
    with pytest.raises(ModelError, match="is missing"):
        trusted_program(bundle)


@pytest.mark.parametrize("linked", [False, True])
def test_a_program_outside_the_folder_is_refused(linked: bool, bundle: ModelSpec, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pt2"
    outside.write_bytes(CONTENT)
    if linked:
        (bundle.weights.parent / PROGRAM).unlink()
        (bundle.weights.parent / PROGRAM).symlink_to(outside)
    else:
        bundle = bundle.model_copy(update={"program": "../outside.pt2"})
    with pytest.raises(ModelError, match="outside the folder of the network"):
        trusted_program(bundle)


def test_a_program_at_an_address_is_none() -> None:
    table = {"href": "https://example.com/model.pt2", "mlm:artifact_type": ARTIFACT}
    assert stated_program({"program": ModelAsset.model_validate(table)}) == ("", "")
