"""Build the documentation: a website in build/site and manual pages in build/man, without a network.

    python docs/site.py

The pages are those of docs/, with README.md as the first one and the other texts of the root beside them;
links between the two folders are rewritten.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from geoseg.cli.app import app

import geoseg

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
BESIDE = ("BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def pages(target: Path) -> None:
    """Copy all pages to a folder, with links that hold there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in ("README.md", *BESIDE):
        text = (ROOT / name).read_text().replace("](docs/", "](")
        (target / ("index.md" if name == "README.md" else name)).write_text(_local(text, target))
    for path in (*target.glob("*.md"), *target.glob("*/*.md")):
        text = path.read_text().replace("](../README.md", "](index.md")
        if path.parent == target:
            path.write_text(_local(text.replace("](../", "]("), target))


def _local(text: str, folder: Path) -> str:
    """Make text of links to files that are no pages: sources, folders, licence."""

    def link(found: re.Match[str]) -> str:
        label, place = found[1], found[2]
        name = place.partition("#")[0]
        known = name in (*BESIDE, "index.md") or (folder / name).exists()
        return found[0] if not name or "://" in place or known else label

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def website(target: Path) -> None:
    """Build the website from the copied pages; a link without a target is an error."""
    shutil.copyfile(ROOT / "mkdocs.yml", BUILD / "mkdocs.yml")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    subprocess.run([*command, "-f", str(BUILD / "mkdocs.yml"), "-d", str(target)], check=True)  # noqa: S603


def manual(target: Path) -> int:
    """Write a manual page (troff, section 1) for each command and return their number."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    program = typer.main.get_command(app)
    pages = 0
    for names, command in _commands("geoseg", program):
        context = command.context_class(command, info_name=" ".join(names))
        (target / f"{'-'.join(names)}.1").write_text(_manual_page(names, command, context))
        pages += 1
    return pages


def _commands(name: str, command: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield a command and all commands below it, with their names."""
    names = (*above, name)
    yield names, command
    for inner, below in getattr(command, "commands", {}).items():
        yield from _commands(inner, below, names)


def _manual_page(names: Sequence[str], command: Any, context: Any) -> str:
    """Return the manual page of a command."""
    title, paragraphs = " ".join(names), (command.help or "").split("\n\n")
    records = [param.get_help_record(context) for param in command.get_params(context)]
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{title.upper()}" "1" "" "geoseg {geoseg.__version__}" "geoseg"',
        ".SH NAME",
        f"{_troff('-'.join(names))} \\- {_troff(paragraphs[0].partition('. ')[0].rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_troff(title)}",
        _troff(usage),
        ".SH DESCRIPTION",
        *(line for text in paragraphs for line in (".PP", _troff(text))),
    ]
    if given := [record for record in records if record]:
        lines.append(".SH OPTIONS")
        lines += [line for flags, text in given for line in (".TP", f".B {_troff(flags)}", _troff(text))]
    if inner := getattr(command, "commands", {}):
        lines.append(".SH COMMANDS")
        for name, below in inner.items():
            lines += [".TP", f".B {_troff(name)}", _troff(below.get_short_help_str(200))]
    return "\n".join(lines) + "\n"


def _troff(text: str) -> str:
    """Escape text for troff, on one line."""
    line = " ".join(text.replace("\\[", "[").split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line


def main() -> None:
    """Build both."""
    BUILD.mkdir(exist_ok=True)
    pages(BUILD / "docs")
    website(BUILD / "site")
    count = manual(BUILD / "man")
    print(f"website: {BUILD / 'site' / 'index.html'}; {count} manual pages: {BUILD / 'man'}")  # noqa: T201


if __name__ == "__main__":
    main()
