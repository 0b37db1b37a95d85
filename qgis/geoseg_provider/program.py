"""Find and run the program `geoseg`; needs no QGIS."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

SETTING = "GEOSEG_PROGRAM"
"""Key of the path of the program in the settings of Processing."""

FOREIGN = ("PYTHON", "GDAL", "PROJ", "OSGEO", "QGIS", "QT_", "VIRTUAL_ENV", "GTIFF_CSV")
"""Beginnings of the environment variables of QGIS that would mislead another Python or another GDAL."""

PERCENT = re.compile(r"^\d+ of \d+ .*\((\d+)%\)")
WAIT_S = 0.2

EXTRA = re.compile(r"(?:(?:install it: |run )?pip install )'(geoseg\[\w+\])'")
"""A command for a terminal, in which the environment of the plugin is not active."""


class ProgramError(Exception):
    """The program is missing, ended with an error, or was cancelled."""


def environment_folder():
    """Return the folder of the environment that the algorithm `install` creates."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "geoseg" / "qgis-environment"


def program_in(folder):
    """Return the path of the program in a virtual environment."""
    scripts, name = ("Scripts", "geoseg.exe") if sys.platform == "win32" else ("bin", "geoseg")
    return Path(folder) / scripts / name


def default_program():
    """Return the path of the program: in the environment of `install`, else on the PATH; empty: none."""
    own = program_in(environment_folder())
    return str(own) if own.is_file() else shutil.which("geoseg") or ""


def find_program(setting):
    """Return the path of the program.

    Args:
        setting: path from the settings; empty: the default.

    Raises:
        ProgramError: there is none.
    """
    program = setting or default_program()
    if program and (Path(program).is_file() or shutil.which(program)):
        return program
    named = f"{setting} does not exist" if setting else "geoseg is not installed"
    raise ProgramError(
        f"{named}: run the algorithm 'Install geoseg' of this provider, or set the path of the program in "
        "Settings > Options > Processing > Providers > geoseg"
    )


def clean_environment():
    """Return the environment of this process without the variables of QGIS's own Python and GDAL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


def run(command, feedback):
    """Run a command and pass its messages on.

    Args:
        command: program and arguments.
        feedback: has `info(text)`, `warn(text)`, `progress(percent)` and `cancelled()`.

    Returns:
        Text of stdout.

    Raises:
        ProgramError: the program cannot be started, ended with another code than 0, or was cancelled.
    """
    hidden = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
    try:
        process = subprocess.Popen(
            [str(item) for item in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            encoding="utf-8",
            errors="replace",
            **hidden,
        )
    except OSError as error:
        raise ProgramError(f"{command[0]} cannot be started: {error.strerror}") from error
    errors, output = [], []
    readers = [
        threading.Thread(target=_messages, args=(process.stderr, feedback, errors), daemon=True),
        threading.Thread(target=lambda: output.append(process.stdout.read()), daemon=True),
    ]
    for reader in readers:
        reader.start()
    cancelled = False
    while process.poll() is None:
        if feedback.cancelled() and not cancelled:
            cancelled = True
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            continue
    for reader in readers:
        reader.join()
    process.stdout.close()
    process.stderr.close()
    if cancelled:
        raise ProgramError("cancelled; no output was written")
    if process.returncode:
        raise ProgramError("\n".join(errors) or f"{command[0]} ended with exit code {process.returncode}")
    return output[0]


def _messages(stream, feedback, errors):
    """Pass lines of stderr on: progress, warnings, errors and notes."""
    for text in stream:
        line = text.rstrip()
        found = PERCENT.match(line)
        if found:
            feedback.progress(int(found[1]))
        elif line.startswith("warning: "):
            feedback.warn(in_qgis(line[len("warning: ") :]))
        elif line.startswith("error: "):
            errors.append(in_qgis(line[len("error: ") :]))
        elif line:
            feedback.info(in_qgis(line))


def in_qgis(text):
    """Return a message whose command for a missing package is what the plugin has for it."""
    return EXTRA.sub(r"run the algorithm 'Install geoseg' once more with the package \1", text)


def read_record(text):
    """Return the record that `--json` printed.

    Raises:
        ProgramError: the text is no record.
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ProgramError(f"geoseg printed no record: {text[:200]}") from error
    if not isinstance(record, dict) or "task" not in record:
        raise ProgramError(f"geoseg printed no record: {text[:200]}")
    return record


def models_folder():
    """Return the folder of the user's models, as geoseg finds it."""
    folder = os.environ.get("GEOSEG_MODELS")
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(folder) if folder else Path(data) / "geoseg" / "models"


def user_models():
    """Return the names of the user's models, sorted."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    return sorted(item.name for item in folder.iterdir() if (item / "model.json").is_file())
