"""Tasks: what a flood map or a change map is composed of, and what it adds to the pipeline."""
