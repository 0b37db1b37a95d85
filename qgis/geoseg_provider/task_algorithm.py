"""An algorithm that runs a command of geoseg; its parameters are the options of the command."""

from pathlib import Path

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
)
from qgis.PyQt.QtGui import QIcon

from .program import SETTING, ProgramError, find_program, read_record, run, user_models
from .results import load_batch, load_outputs

FOLDER = Path(__file__).parent
NO_MODEL = "(none)"
ANY_FILE = "All files (*)"
"""Filter of files; QGIS's own, `*.*`, refuses names without a dot."""


class Feedback:
    """Passes messages of the program to QGIS."""

    def __init__(self, feedback):
        """Keep the feedback of QGIS."""
        self._feedback = feedback

    def info(self, text):
        """Show a note."""
        self._feedback.pushInfo(text)

    def warn(self, text):
        """Show a warning."""
        self._feedback.pushWarning(text)

    def progress(self, percent):
        """Move the bar."""
        self._feedback.setProgress(percent)

    def cancelled(self):
        """Return whether the user cancelled."""
        return self._feedback.isCanceled()


class TaskAlgorithm(QgsProcessingAlgorithm):
    """A command of geoseg, described by an entry of `options.json`."""

    def __init__(self, task):
        """Keep the description."""
        super().__init__()
        self._task = task

    def createInstance(self):
        """Return a new instance."""
        return TaskAlgorithm(self._task)

    def name(self):
        """Return the identifier."""
        return self._task["name"]

    def displayName(self):
        """Return the name in the toolbox."""
        return self._task["title"]

    def group(self):
        """Return the heading in the toolbox."""
        return self._task["group"]

    def groupId(self):
        """Return the identifier of the heading."""
        return self._task["group"].lower()

    def shortHelpString(self):
        """Return the help text of the command."""
        return self._task["help"]

    def icon(self):
        """Return the icon."""
        return QIcon(str(FOLDER / "icon.svg"))

    def initAlgorithm(self, configuration=None):
        """Add the parameters."""
        for option in self._task["options"]:
            for parameter in parameters_of(option):
                parameter.setHelp(option["help"])
                if option["advanced"]:
                    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
                self.addParameter(parameter)

    def processAlgorithm(self, parameters, context, feedback):
        """Run the command, and load the map with its style."""
        try:
            program = find_program(ProcessingConfig.getSetting(SETTING))
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        arguments, results = [], {}
        for option in self._task["options"]:
            arguments += self._arguments(option, parameters, context, results)
        command = [program, *self._task["command"], *arguments, "--json", "--overwrite"]
        feedback.pushCommandInfo(" ".join(str(item) for item in command))
        try:
            text = run(command, Feedback(feedback))
            many = self._task["group"] == "Batch"
            record = read_record(text) if self._task["layer"] and not many else {}
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error
        for item in record.get("classes", ()):
            area = "" if item["area_m2"] is None else f", {item['area_m2'] / 1e4:.1f} ha"
            count = item["polygons"]
            feedback.pushInfo(f"{item['label']}: {count} polygon{'' if count == 1 else 's'}{area}")
        load_outputs(results, "" if many else self._task["layer"], self._task["title"], context)
        if many and (left := load_batch(results["OUTPUT"], self._task["layer"], context)):
            feedback.pushInfo(f"{left} maps are in {results['OUTPUT']}; merge them to load one layer")
        return results

    def _arguments(self, option, parameters, context, results):
        """Return the arguments of an option, and add its file to the results if it is an output."""
        key, kind, flag = option["key"], option["kind"], f"--{option['name']}"
        if kind in {"scene", "scenes"}:
            return self._scene(option, parameters, context)
        if kind == "vector-output":
            results[key] = self.parameterAsOutputLayer(parameters, key, context)
            return ["-o", results[key]]
        if kind == "folder-output":
            results[key] = self.parameterAsString(parameters, key, context)
            return ["-o", results[key]]
        if kind == "labels":
            return [self._source(self.parameterAsVectorLayer(parameters, key, context), parameters[key])]
        if kind == "folder-input":
            given = (parameters.get(name) and name for name in (key, f"{key}_FILE"))
            return [self.parameterAsFile(parameters, name, context) for name in given if name]
        if parameters.get(key) in (None, "", []):
            return self._model_file(option, parameters, context)
        if kind in {"raster-output", "file-output"}:
            layer = kind == "raster-output"
            read = self.parameterAsOutputLayer if layer else self.parameterAsFileOutput
            results[key] = read(parameters, key, context)
            return [flag, results[key]] if results[key] else []
        if kind == "boolean":
            value = self.parameterAsBoolean(parameters, key, context)
            return [] if value == option["default"] else [flag if value else f"--no-{option['name']}"]
        if kind == "switch":
            value = self.parameterAsEnumString(parameters, key, context)
            return {"yes": [flag], "no": [f"--no-{option['name']}"]}.get(value, [])
        if kind in {"choice", "model"}:
            value = self.parameterAsEnumString(parameters, key, context)
            if kind == "model":
                return self._model_file(option, parameters, context) or (
                    [] if value in {"", NO_MODEL} else [flag, value]
                )
            return [] if value in {"", option["default"]} else [flag, value]
        if kind == "number":
            read = self.parameterAsInt if option["whole"] else self.parameterAsDouble
            return [f"{flag}={read(parameters, key, context)}"]
        if kind == "extent":
            crs = QgsCoordinateReferenceSystem("EPSG:4326")
            box = self.parameterAsExtent(parameters, key, context, crs)
            corners = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
            return [f"{flag}={','.join(repr(value) for value in corners)}"]
        if kind == "crs":
            return [flag, self.parameterAsCrs(parameters, key, context).authid()]
        if kind == "layer":
            return [flag, self._source(self.parameterAsLayer(parameters, key, context), parameters[key])]
        if kind == "lines":
            lines = self.parameterAsString(parameters, key, context).splitlines()
            return [item for line in lines if line.strip() for item in (flag, line.strip())]
        return [f"{flag}={self.parameterAsString(parameters, key, context)}"]

    def _model_file(self, option, parameters, context):
        """Return the arguments of a model that is given as a file or folder."""
        key = f"{option['key']}_FILE"
        if option["kind"] != "model" or not parameters.get(key):
            return []
        return [f"--{option['name']}", self.parameterAsFile(parameters, key, context)]

    def _scene(self, option, parameters, context):
        """Return the arguments of a scene: a layer or a folder; or of several."""
        key, flag = option["key"], [] if option["argument"] else [f"--{option['name']}"]
        folder = parameters.get(f"{key}_FOLDER") and self.parameterAsFile(
            parameters, f"{key}_FOLDER", context
        )
        sources = [folder] if folder else []
        if parameters.get(key) and option["kind"] == "scenes":
            layers = self.parameterAsLayerList(parameters, key, context)
            sources += [self._source(layer, "") for layer in layers]
        elif parameters.get(key):
            layer = self.parameterAsRasterLayer(parameters, key, context)
            sources.append(self._source(layer, parameters[key]))
        if "auto" in option and not sources:
            found = self.parameterAsBoolean(parameters, f"{key}_AUTO", context)
            return [*flag, "auto"] if found else []
        if len(sources) > 1 and option["kind"] == "scene":
            raise QgsProcessingException(f"{option['label']}: give a layer or a folder, not both")
        if not sources and option["required"]:
            raise QgsProcessingException(f"{option['label']}: give a layer or a folder")
        return [item for source in sources for item in (*flag, source)]

    def _source(self, layer, given):
        """Return the file of a layer, in the form that GDAL opens."""
        if layer is None:
            return str(given)
        if layer.providerType() not in {"gdal", "ogr"}:
            raise QgsProcessingException(
                f"{layer.name()}: is not a file (provider {layer.providerType()}); save it as a file first"
            )
        parts = QgsProcessingUtils.normalizeLayerSource(layer.source()).split("|")
        return parts[0]


def parameters_of(option):
    """Return the parameters of an option: one, or several for scenes, models and inputs of a batch."""
    key, label, kind = option["key"], option["label"], option["kind"]
    optional = not option["required"]
    default = option["default"]
    if kind == "scene":
        return [
            QgsProcessingParameterRasterLayer(key, label, optional=True),
            QgsProcessingParameterFile(
                f"{key}_FOLDER",
                f"{label}: or the folder of its product",
                QgsProcessingParameterFile.Folder,
                optional=True,
            ),
            *_found_among_inputs(option),
        ]
    if kind == "scenes":
        return [
            QgsProcessingParameterMultipleLayers(key, label, QgsProcessing.TypeRaster, optional=True),
            QgsProcessingParameterFile(
                f"{key}_FOLDER",
                f"{label}: or the folder of its product",
                QgsProcessingParameterFile.Folder,
                optional=True,
            ),
        ]
    if kind == "model":
        names = [NO_MODEL, *option["choices"], *(n for n in user_models() if n not in option["choices"])]
        return [
            QgsProcessingParameterEnum(
                key, label, names, defaultValue=NO_MODEL, optional=True, usesStaticStrings=True
            ),
            QgsProcessingParameterFile(
                f"{key}_FILE", f"{label}: or a file (.onnx or model.json)", optional=True, fileFilter=ANY_FILE
            ),
        ]
    if kind == "labels":
        return [QgsProcessingParameterVectorLayer(key, label)]
    if kind == "folder-input":
        return [
            QgsProcessingParameterFile(key, label, QgsProcessingParameterFile.Folder, optional=True),
            QgsProcessingParameterFile(
                f"{key}_FILE",
                f"{label}: or a list or table of scenes (.txt, .csv, .gpkg, .json)",
                optional=True,
                fileFilter=ANY_FILE,
            ),
        ]
    if kind == "folder-output":
        return [QgsProcessingParameterFolderDestination(key, label)]
    if kind == "vector-output":
        return [QgsProcessingParameterVectorDestination(key, label)]
    if kind == "raster-output":
        created = not optional
        return [
            QgsProcessingParameterRasterDestination(key, label, optional=optional, createByDefault=created)
        ]
    if kind == "file-output":
        pattern = f"*{option['suffix']}" if option["suffix"] else ""
        return [
            QgsProcessingParameterFileDestination(
                key, label, pattern, optional=optional, createByDefault=not optional
            )
        ]
    if kind == "boolean":
        return [QgsProcessingParameterBoolean(key, label, defaultValue=default, optional=True)]
    if kind in {"choice", "switch"}:
        return [
            QgsProcessingParameterEnum(
                key, label, option["choices"], defaultValue=default, optional=optional, usesStaticStrings=True
            )
        ]
    if kind == "number":
        number = QgsProcessingParameterNumber
        return [number(key, label, number.Integer if option["whole"] else number.Double, default, optional)]
    if kind == "extent":
        return [QgsProcessingParameterExtent(key, label, optional=True)]
    if kind == "crs":
        return [QgsProcessingParameterCrs(key, label, optional=True)]
    if kind == "layer":
        return [QgsProcessingParameterMapLayer(key, label, optional=optional)]
    if kind == "file":
        return [QgsProcessingParameterFile(key, label, optional=optional, fileFilter=ANY_FILE)]
    return [
        QgsProcessingParameterString(
            key, label, default, multiLine=kind == "lines", optional=optional or default is not None
        )
    ]


def _found_among_inputs(option):
    """Return the parameter that finds the earlier scene of each scene among the inputs of a batch."""
    if "auto" not in option:
        return []
    label = f"{option['label']}: find it among the inputs, unless one is given"
    key, default = f"{option['key']}_AUTO", option["auto"] == "yes"
    return [QgsProcessingParameterBoolean(key, label, defaultValue=default, optional=True)]
