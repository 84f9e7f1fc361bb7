"""The calibration of the arm that a server answers with, if there is one."""

from pathlib import Path

from retort import runs
from retort.evaluation.calibration import Calibration, read_calibration
from retort.web.arms import EXPORT
from retort.web.service import Service


def calibration_of(service: Service) -> Calibration | None:
    """Of the default arm: its export's own calibration before that of the arm. Raises ModelError for a broken one."""
    if service.folder is None:
        return None
    arm = _arm_folder(service.folder, service.default)
    found = next((path for folder in (arm / EXPORT, arm) if (path := folder / runs.CALIBRATION).is_file()), None)
    return None if found is None else read_calibration(found)


def _arm_folder(served: Path, arm: str) -> Path:
    return served / arm if (served / runs.COMPARISON).is_file() else served
