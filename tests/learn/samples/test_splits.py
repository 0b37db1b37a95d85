"""No window on both sides, and what a split names is what is held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from geoseg.errors import SceneError
from geoseg.learn.samples import (
    DataSpec,
    Sample,
    SampleWindow,
    SplitSpec,
    find_samples,
    sample_windows,
    split,
)
from geoseg.learn.samples.splits import leave_out, part_names


@pytest.fixture
def windows(labelled: DataSpec) -> tuple[SampleWindow, ...]:
    return sample_windows(find_samples(labelled), labelled)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["random", "runs", "strips"]), parts=st.integers(3, 8), seed=st.integers(0, 99))
def test_every_window_has_one_role(
    windows: tuple[SampleWindow, ...], kind: str, parts: int, seed: int
) -> None:
    spec = SplitSpec.model_validate(
        {"kind": kind, "parts": parts, "val": ["0"], "test": [str(parts - 1)], "seed": seed}
    )
    dealt = split(windows, spec)
    assert sorted(p.sample.id for own in dealt.values() for p in own) == sorted(p.sample.id for p in windows)
    assert dealt == split(windows, spec)
    assert all(dealt.values())


def test_runs_are_neighbours(windows: tuple[SampleWindow, ...]) -> None:
    dealt = split(windows, SplitSpec(kind="runs", parts=4, val=("1",), test=("3",)))
    assert [p.sample.id for p in dealt["val"]] == ["chip_2", "chip_3"]
    assert [p.sample.id for p in dealt["test"]] == ["chip_6", "chip_7"]


def test_regions_are_held_out_whole(windows: tuple[SampleWindow, ...]) -> None:
    dealt = split(windows, SplitSpec(kind="region", val=("east",)))
    assert {p.sample.region for p in dealt["val"]} == {"east"}
    assert {p.sample.region for p in dealt["train"]} == {"west"}
    with pytest.raises(SceneError, match="regions are east, west"):
        split(windows, SplitSpec(kind="region", val=("north",)))


def test_strips_follow_the_axis(windows: tuple[SampleWindow, ...]) -> None:
    dealt = split(windows, SplitSpec(kind="strips", parts=4, val=("0",), axis="x"))
    assert {p.sample.id for p in dealt["val"]} == {"chip_0", "chip_1"}


def test_lists_of_ids(windows: tuple[SampleWindow, ...], tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("chip_5\nchip_1\n")
    dealt = split(windows, SplitSpec(kind="files", val=(str(tmp_path / "val.txt"),)))
    assert [p.sample.id for p in dealt["val"]] == ["chip_1", "chip_5"]
    (tmp_path / "val.txt").write_text("chip_99\n")
    with pytest.raises(SceneError, match="chip_99"):
        split(windows, SplitSpec(kind="files", val=(str(tmp_path / "val.txt"),)))


def test_a_table_decides(windows: tuple[SampleWindow, ...]) -> None:
    told = [
        SampleWindow(
            sample=Sample(id=p.sample.id, images=p.sample.images, label=p.sample.label, split=role),
            window=p.window,
            centre=p.centre,
        )
        for p, role in zip(windows[:3], ("train", "val", "test"), strict=True)
    ]
    dealt = split(told, SplitSpec())
    assert [len(dealt[role]) for role in ("train", "val", "test")] == [1, 1, 1]


def test_doubtful_labels_are_judged_but_not_trained_on(labelled: DataSpec) -> None:
    data = labelled.model_copy(update={"doubtful": ("chip_0", "chip_2")})
    dealt = split(sample_windows(find_samples(data), data), SplitSpec(kind="runs", parts=4, val=("1",)))
    assert "chip_0" not in [p.sample.id for p in dealt["train"]]
    assert "chip_2" in [p.sample.id for p in dealt["val"]]


def test_parts_are_named_in_order(windows: tuple[SampleWindow, ...]) -> None:
    assert part_names(windows, SplitSpec(kind="region")) == ("east", "west")
    assert part_names(windows, SplitSpec(kind="runs", parts=4)) == ("0", "1", "2", "3")


def test_nothing_to_train_on_is_an_error(windows: tuple[SampleWindow, ...]) -> None:
    with pytest.raises(SceneError, match="no window is left for training"):
        split(windows, SplitSpec(kind="region", val=("east",), test=("west",)))


@pytest.mark.parametrize(
    "wrong",
    [{"val": ["0"], "test": ["0"]}, {"parts": 4, "val": ["4"]}, {"kind": "files", "val": ["a", "b"]}],
)
def test_splits_that_contradict_themselves(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SplitSpec.model_validate(wrong)


def test_a_part_is_left_out_whatever_a_table_states(windows: tuple[SampleWindow, ...]) -> None:
    tabled = [
        replace(place, sample=replace(place.sample, split="test" if index < 3 else "train"))
        for index, place in enumerate(windows)
    ]
    roles = leave_out(tabled, SplitSpec(kind="region"), "east")
    assert {place.sample.region for place in roles["test"]} == {"east"}
    assert {place.sample.region for place in roles["train"]} == {"west"}
    assert len(roles["test"]) + len(roles["train"]) == len(windows)
    assert not roles["val"]
    assert {place.sample.split for place in roles["train"]} <= {"test", "train"}


def test_lists_may_name_files_and_leave_samples_out(
    windows: tuple[SampleWindow, ...], tmp_path: Path
) -> None:
    lists = {
        "train": "chip_0.tif,chip_0_label.tif\nset/east/image/chip_1.tif,x\n",
        "val": "chip_2\n",
        "test": "\nchip_3 \n",
    }
    for name, text in lists.items():
        (tmp_path / f"{name}.csv").write_text(text)
    spec = SplitSpec.model_validate(
        {"kind": "files", **{name: [str(tmp_path / f"{name}.csv")] for name in lists}}
    )
    dealt = {role: [place.sample.id for place in own] for role, own in split(windows, spec).items()}
    assert dealt == {"train": ["chip_0", "chip_1"], "val": ["chip_2"], "test": ["chip_3"]}
    (tmp_path / "val.csv").write_text("chip_99,chip_98.tif\n")
    with pytest.raises(SceneError, match="'chip_99'"):
        split(windows, spec)


def test_parts_for_training_may_be_named(windows: tuple[SampleWindow, ...]) -> None:
    spec = SplitSpec.model_validate({"kind": "runs", "parts": 4, "train": ["0"], "test": ["3"]})
    dealt = {role: len(own) for role, own in split(windows, spec).items()}
    assert dealt == {"train": 2, "val": 0, "test": 2}
    with pytest.raises(ValidationError, match="in both train and test"):
        SplitSpec.model_validate({"kind": "runs", "train": ["0"], "test": ["0"]})
