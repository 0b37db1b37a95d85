"""Result files: what is written is read again, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.protocols.result_rows import ResultRow, read_results, to_table

ROW = ResultRow(
    dataset="lakes", metric="mIoU", value=0.5, seed=3, backbone="resnet18", tuning="frozen", setting="10%",
    decoder="upernet", parameters={"lr": 0.001, "epochs": 80},
)  # fmt: skip
HEAD = "dataset,Metric,test metric,Seed,backbone,frozen_or_full_ft\n"


def test_written_rows_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "results.csv"
    path.parent.mkdir()
    path.write_text(to_table([ROW]).to_csv())
    (read,) = read_results([path])
    assert (read.dataset, read.metric, read.value, read.seed) == ("lakes", "mIoU", 0.5, 3)
    assert (read.backbone, read.tuning, read.setting) == ("resnet18", "frozen", "10%")
    assert read.submission == "run"
    assert "epochs" in path.read_text()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("dataset,Metric\na,b\n", SceneError, "'test metric' is missing"),
        (HEAD, SceneError, "no rows"),
        (HEAD + "pastis,mIoU,,1,a,frozen\n", SceneReadError, "line 2: test metric is ''"),
        (HEAD + "pastis,mIoU,nan,1,a,frozen\n", SceneReadError, "not a finite number"),
        (HEAD + "pastis,mIoU,0.5,one,a,frozen\n", SceneReadError, "Seed is 'one'"),
        (HEAD + "pastis,mIoU\n", SceneReadError, "test metric is ''"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    path = tmp_path / "made.csv"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_results([path])


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "same.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(HEAD + "pastis,mIoU,0.5,1,a,frozen\n")
    with pytest.raises(SceneError, match="rename"):
        read_results(paths)
