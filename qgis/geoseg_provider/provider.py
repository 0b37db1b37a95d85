"""The provider: one algorithm per command of geoseg, and two that set geoseg up."""

import json
from pathlib import Path

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .program import SETTING, default_program
from .setup_algorithms import DoctorAlgorithm, InstallAlgorithm
from .task_algorithm import TaskAlgorithm

FOLDER = Path(__file__).parent


class GeosegProvider(QgsProcessingProvider):
    """Algorithms that run the program `geoseg` in an environment of its own."""

    def load(self):
        """Add the setting with the path of the program, then the algorithms."""
        ProcessingConfig.settingIcons[self.name()] = self.icon()
        ProcessingConfig.addSetting(
            Setting(
                self.name(), SETTING, "Path of the program geoseg", default_program(), valuetype=Setting.FILE
            )
        )
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self):
        """Remove the setting."""
        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self):
        """Add the algorithms that the plugin was built with."""
        for task in json.loads((FOLDER / "options.json").read_text(encoding="utf-8"))["tasks"]:
            self.addAlgorithm(TaskAlgorithm(task))
        self.addAlgorithm(InstallAlgorithm())
        self.addAlgorithm(DoctorAlgorithm())

    def id(self):
        """Return the identifier of the provider."""
        return "geoseg"

    def name(self):
        """Return the name in the toolbox."""
        return "geoseg"

    def longName(self):
        """Return the name with its purpose."""
        return "geoseg: floods, change, methane and segmentation"

    def icon(self):
        """Return the icon."""
        return QIcon(str(FOLDER / "icon.svg"))
