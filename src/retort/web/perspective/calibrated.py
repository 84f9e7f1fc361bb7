"""The calibration of the default model, if there is one."""

from pathlib import Path

from retort import runs
from retort.evaluation.calibration import Calibration, read_calibration
from retort.web.server.service import Service


def calibration_of(service: Service) -> Calibration | None:
    """That of the default model's export, else that of the model. Raises ModelError for a broken one."""
    if service.folder is None:
        return None
    model = _model_folder(service.folder, service.default)
    found = next((path for folder in (model / runs.ONNX, model) if (path := folder / runs.CALIBRATION).is_file()), None)
    return None if found is None else read_calibration(found)


def _model_folder(served: Path, model: str) -> Path:
    return served / model if (served / runs.COMPARISON).is_file() else served
