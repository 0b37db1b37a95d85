"""Count the functions that run and the classes that exist for one map.

    python bench/calls.py [--write before.json] [--against before.json]
    python bench/calls.py --list [flood] > list.txt

Runs each command in a separate process under `sys.setprofile`, including threads, and counts the distinct
geoseg functions that were called, their files, the modules that were imported, and the classes of these
modules. `--list` prints the functions of one command, shortest and least used first: lines of code without
docstring and comments, places of the tree that name it (counted by name, so a common name counts too many),
file and name. A short function with one place is one to read again: its name may say no more than its body.
Rasters are read from `GEOSEG_TEST_DATA` (default `../shared/data`).
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from fingerprint import DATA, LANDSAT, ROOT, pair

COMMANDS = {
    "flood": ["flood", f"products/{LANDSAT}"],
    "segment": ["segment", pair("paris")[0], "--model", "water-optical"],
    "change": ["change", *pair("bercy")],
    "methane plume": [
        "methane", "plume", pair("abudhabi")[1], "--reference", pair("abudhabi")[0], "--wind", "4",
        "--satellite", "sentinel-2a",
    ],
}  # fmt: skip
FIGURES = ("functions", "files", "classes", "modules")

TRACED = """
import inspect, json, sys, threading
seen = set()
def look(frame, event, argument):
    code = frame.f_code
    # Bodies of classes and modules have no locals of their own (CO_NEWLOCALS).
    if event != "call" or not code.co_flags & 2:
        return
    if "/geoseg/" in code.co_filename or "/cli/" in code.co_filename:
        seen.add((code.co_filename, code.co_qualname))
threading.setprofile(look)
sys.setprofile(look)
from geoseg.cli import main
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
sys.setprofile(None)
modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "geoseg" and module}
seen = {(path, name) for path, name in seen
        if "site-packages" not in path and path[0] != "<" and not name.split(".")[-1].startswith("<")}
classes = {value for name, module in modules.items() for value in vars(module).values()
           if inspect.isclass(value) and value.__module__ == name}
with open(report, "w") as file:
    json.dump({"exit": code, "functions": len(seen), "files": len({path for path, _ in seen}),
               "classes": len(classes), "modules": len(modules),
               "calls": sorted(seen)}, file)
"""


def count(arguments: list[str]) -> dict[str, Any]:
    """Run a command under the profiler and return its figures and the (file, name) of each function."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "calls.json"
        command = [*arguments, "-o", str(Path(folder) / "map.gpkg"), "-q"]
        code = f"import sys\nreport = {str(report)!r}\nsys.argv = ['geoseg', *{command!r}]\n{TRACED}"
        subprocess.run([sys.executable, "-c", code], cwd=DATA, check=True, stdout=subprocess.DEVNULL)
        figures: dict[str, Any] = json.loads(report.read_text())
    return figures


def functions_of(tree: ast.AST, prefix: str = "") -> dict[str, int]:
    """Return the lines of code of each function by qualified name, without its docstring."""
    sizes = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = prefix + node.name
            if not isinstance(node, ast.ClassDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                sizes[name] = sum(ast.unparse(statement).count("\n") + 1 for statement in body)
                name += ".<locals>"
            sizes.update(functions_of(node, name + "."))
        else:
            sizes.update(functions_of(node, prefix))
    return sizes


def print_list(calls: list[tuple[str, str]]) -> None:
    """Print the functions of one command with their lines and the places that name them."""
    named: Counter[str] = Counter()
    for path in [*ROOT.glob("geoseg/**/*.py"), *ROOT.glob("cli/**/*.py"), *ROOT.glob("models/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Name | ast.Attribute):
                named[node.id if isinstance(node, ast.Name) else node.attr] += 1
    sizes = {path: functions_of(ast.parse(Path(path).read_text())) for path, _ in calls}
    rows = [(sizes[path].get(name, 0), named[name.split(".")[-1]], path, name) for path, name in calls]
    for lines, places, path, name in sorted(rows):
        print(f"{lines:4} lines {places:4} places  {Path(path).relative_to(ROOT)} {name}")


def main() -> None:
    """Print a row for each command, with the ratio to earlier figures if given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="JSON file for the figures")
    parser.add_argument("--against", type=Path, help="JSON file of figures to compare with")
    parser.add_argument("--list", nargs="?", const="flood", choices=COMMANDS, help="functions of one command")
    options = parser.parse_args()
    if options.list:
        print_list(count(COMMANDS[options.list])["calls"])
        return
    before = json.loads(options.against.read_text()) if options.against else {}
    counts = {name: count(arguments) for name, arguments in COMMANDS.items()}
    print(f"{'command':15}" + "".join(f"{name:>20}" for name in FIGURES))
    for name, figures in counts.items():
        cells = [
            f"{figures[key]}" + (f" ({figures[key] / before[name][key]:.2f}x)" if name in before else "")
            for key in FIGURES
        ]
        print(f"{name:15}" + "".join(f"{cell:>20}" for cell in cells))
    if options.write:
        kept = {name: {key: figures[key] for key in FIGURES} for name, figures in counts.items()}
        options.write.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
