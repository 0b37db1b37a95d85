"""Many scenes: inputs, workers, resume, summary and catalogue."""
