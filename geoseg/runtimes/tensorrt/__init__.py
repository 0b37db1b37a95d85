"""TensorRT: `runtime` loads engines; `graph`, `calibration` and `build` make them; `run` runs them."""
