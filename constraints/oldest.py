"""Print the oldest versions that pyproject.toml allows, as a constraints file for pip.

`make constraints` writes constraints/oldest.txt; `make test-oldest` runs the tests with these versions.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LOWER_BOUND = re.compile(r"(?P<name>[\w.-]+)>=(?P<version>[\d.]+)[^;]*(?P<marker>;.*)?")


def oldest() -> list[str]:
    """A line for each dependency of the core, GeoParquet and Python: name==lower bound, with its marker."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    lines = []
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *extras["parquet"], *extras["xarray"]]:
        match = LOWER_BOUND.fullmatch(requirement)
        if match is None:
            message = f"{requirement} in pyproject.toml has no lower bound"
            raise SystemExit(message)
        lines.append(f"{match['name']}=={match['version']}{match['marker'] or ''}")
    return lines


if __name__ == "__main__":
    print("# Made by `make constraints` from the lower bounds in pyproject.toml: do not edit.")
    print("\n".join(oldest()))
