"""The Accelerate engine that a whole run trains on: device, precision, processes and trackers."""

import datetime
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DynamoBackend, TorchDynamoPlugin

from retort.errors import ConfigError, ResourceError

TRACKERS = ("tensorboard",)
# How long the other processes wait while the first one saves an arm and predicts the test split.
_TIMEOUT = datetime.timedelta(hours=6)


def make_accelerator(
    precision: Literal["auto", "fp32", "bf16"],
    track: str | None = None,
    track_folder: Path | None = None,
    *,
    compiled: bool = False,
) -> Accelerator:
    """One engine for all arms of a run. "auto" takes bf16 where the device computes in it natively.

    `track` names a tracker of Accelerate's that writes below `track_folder`. With `compiled` every model is
    given to torch.compile, for any number of comments and tokens at once.
    """
    if track is not None and track not in TRACKERS:
        raise ConfigError(f"--track {track!r}: not known; there is {', '.join(TRACKERS)}")
    chosen = ("bf16" if bf16_is_native() else "fp32") if precision == "auto" else precision
    # Accelerate keeps one precision per process; a second run, for example in a notebook, may need another.
    AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision="bf16" if chosen == "bf16" else "no",
            # Without this torchrun's processes do not find each other on a machine with only CPUs.
            cpu=not torch.accelerator.is_available(),
            log_with=track,
            project_dir=track_folder,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_TIMEOUT)],
            dynamo_plugin=TorchDynamoPlugin(backend=DynamoBackend.INDUCTOR, dynamic=True) if compiled else None,
        )
    except (ImportError, ValueError) as error:
        raise ResourceError(f"precision {chosen}, tracker {track}: {error}; try --set precision=fp32") from error
    if track is not None:
        accelerator.init_trackers("retort")
    return accelerator


def bf16_is_native() -> bool:
    """Whether the GPU, or without one the CPU, has bf16 instructions of its own."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
