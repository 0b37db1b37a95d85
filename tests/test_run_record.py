from __future__ import annotations

import json

from geoseg.run_record import RunRecord, RunWarning


def test_names_that_are_no_utf8_can_be_stored() -> None:
    odd = "in/\udcff.onnx"
    record = RunRecord(
        geoseg="1",
        task="segment",
        command={"model": odd, "scene": [{odd: None}]},
        inputs=({"paths": [odd]},),
        method=odd,
        created="",
        crs=None,
        valid_share=1,
        classes=(),
        notes=(odd,),
        warnings=(RunWarning(code="", text=odd),),
    )
    stored = json.loads(record.model_dump_json())
    assert stored["command"] == {"model": "in/?.onnx", "scene": [{"in/?.onnx": None}]}
    assert stored["inputs"] == [{"paths": ["in/?.onnx"]}]
    assert stored["warnings"][0]["text"] == stored["method"] == stored["notes"][0] == "in/?.onnx"
