"""The default model's mapping to another scorer's scale (`retort calibrate`), if there is one."""

from pathlib import Path

from retort import runs
from retort.evaluation.score_mapping import ScoreMapping, read_mapping
from retort.web.server.service import Service


def mapping_of(service: Service) -> ScoreMapping | None:
    """That of the default model's export, else that of the model. Raises ModelError for a broken one."""
    if service.folder is None:
        return None
    model = _model_folder(service.folder, service.default)
    found = next((path for folder in (model / runs.ONNX, model) if (path := folder / runs.CALIBRATION).is_file()), None)
    return None if found is None else read_mapping(found)


def _model_folder(served: Path, model: str) -> Path:
    return served / model if (served / runs.COMPARISON).is_file() else served
