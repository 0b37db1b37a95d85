"""Algorithms that install geoseg in an environment of its own, and check it."""

import shutil
import sys
from pathlib import Path

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputString,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from .program import SETTING, ProgramError, environment_folder, find_program, program_in, run
from .task_algorithm import ANY_FILE, Feedback


class _SetupAlgorithm(QgsProcessingAlgorithm):
    """Group and instance of the algorithms of this file."""

    def createInstance(self):
        """Return a new instance."""
        return type(self)()

    def group(self):
        """Return the heading in the toolbox."""
        return "Setup"

    def groupId(self):
        """Return the identifier of the heading."""
        return "setup"


class InstallAlgorithm(_SetupAlgorithm):
    """Creates a virtual environment with geoseg."""

    def name(self):
        """Return the identifier."""
        return "install"

    def displayName(self):
        """Return the name in the toolbox."""
        return "Install geoseg"

    def shortHelpString(self):
        """Return the help text."""
        return (
            "Creates a Python environment for geoseg, apart from that of QGIS, and installs geoseg in it "
            "with pip. Run it again to update."
        )

    def initAlgorithm(self, configuration=None):
        """Add the parameters."""
        self.addParameter(
            QgsProcessingParameterString(
                "PACKAGE",
                "Package: a name for pip, or the path of a wheel or folder",
                "geoseg[exposure,fit,parquet,stac]",
            )
        )
        self.addParameter(
            QgsProcessingParameterFile(
                "PYTHON",
                "Python 3.11 or newer (empty: the one that is found)",
                optional=True,
                fileFilter=ANY_FILE,
            )
        )
        self.addOutput(QgsProcessingOutputString("PROGRAM", "Path of the program"))

    def processAlgorithm(self, parameters, context, feedback):
        """Create the environment, install, and set the path of the program."""
        python = self.parameterAsFile(parameters, "PYTHON", context) or _python()
        package = self.parameterAsString(parameters, "PACKAGE", context)
        folder = environment_folder()
        told = Feedback(feedback)
        try:
            code = "import sys; sys.exit(sys.version_info < (3, 11) and 'Python is older than 3.11')"
            run([python, "-c", code], told)
            run([python, "-m", "venv", folder], told)
        except ProgramError as error:
            raise QgsProcessingException(
                f"{error}; Python 3.11 or newer is needed: choose it under PYTHON"
            ) from error
        try:
            inner = program_in(folder).parent / ("python.exe" if sys.platform == "win32" else "python")
            run([inner, "-m", "pip", "install", "--upgrade", package], told)
            run([program_in(folder), "--version"], told)
        except ProgramError as error:
            raise QgsProcessingException(f"{package} cannot be installed: {error}") from error
        program = str(program_in(folder))
        ProcessingConfig.setSettingValue(SETTING, program)
        feedback.pushInfo(f"geoseg is installed: {program}")
        return {"PROGRAM": program}


class DoctorAlgorithm(_SetupAlgorithm):
    """Runs `geoseg doctor`."""

    def name(self):
        """Return the identifier."""
        return "doctor"

    def displayName(self):
        """Return the name in the toolbox."""
        return "Check the installation"

    def shortHelpString(self):
        """Return the help text."""
        return "Lists the installed and missing parts of geoseg, with remedies."

    def initAlgorithm(self, configuration=None):
        """Add the output."""
        self.addOutput(QgsProcessingOutputString("REPORT", "Report"))

    def processAlgorithm(self, parameters, context, feedback):
        """Print the report."""
        try:
            program = find_program(ProcessingConfig.getSetting(SETTING))
            report = run([program, "doctor"], Feedback(feedback))
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        feedback.pushInfo(report)
        return {"REPORT": report}


def _python():
    """Return a Python that can create an environment: that of QGIS on Windows is `python.exe` beside it."""
    beside = Path(sys.exec_prefix) / ("python.exe" if sys.platform == "win32" else "bin/python3")
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    return str(beside) if beside.is_file() else shutil.which("python3") or "python3"
