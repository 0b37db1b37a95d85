"""Networks: `zoo/<name>/` holds a bundle each (`model.onnx`, `model.json`, `README.md`). Data only."""
