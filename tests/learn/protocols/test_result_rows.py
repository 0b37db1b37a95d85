"""Tables of results have the parameters of all rows; one name of two submissions is told apart."""

from __future__ import annotations

from geoseg.learn.protocols.result_rows import ResultRow, to_table, unambiguous

ROW = ResultRow(
    dataset="lakes", metric="mIoU", value=0.5, seed=3, backbone="resnet18", tuning="frozen",
    submission="first", parameters={"lr": 0.001},
)  # fmt: skip
OTHER = ResultRow(
    dataset="lakes", metric="mIoU", value=0.4, seed=3, backbone="resnet18", tuning="frozen",
    submission="second", parameters={"epochs": 80},
)  # fmt: skip


def test_a_table_has_the_parameters_of_all_rows() -> None:
    lines = to_table([ROW, OTHER]).to_csv().splitlines()
    assert lines[0].endswith("partition name,lr,epochs")
    assert [line.split(",")[-2:] for line in lines[1:]] == [["0.001", ""], ["", "80"]]


def test_a_backbone_of_two_submissions_has_both_names() -> None:
    assert [row.backbone for row in unambiguous([ROW, OTHER])] == ["resnet18 (first)", "resnet18 (second)"]
    assert unambiguous([ROW]) == (ROW,)
