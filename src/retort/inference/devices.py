"""Which device a model runs on, by the name that `--device` takes."""

from pathlib import Path
from typing import TYPE_CHECKING

from retort.errors import ConfigError

if TYPE_CHECKING:
    import torch

AUTO, CPU = "auto", "cpu"


def torch_device(name: str) -> "torch.device":
    """The device called `name` (such as cpu, cuda, cuda:1, mps); "auto" is the accelerator, without one the CPU.

    Raises ConfigError, naming the devices that are here, for any other.
    """
    import torch

    found = available_devices()
    if name == AUTO:
        # The accelerator's own name stands before those of its single devices.
        return torch.device(found[1] if len(found) > 1 else CPU)
    if name not in found:
        raise ConfigError(f"device {name!r}: not on this machine, which has {', '.join(found)}; name one, or {AUTO}")
    return torch.device(name)


def available_devices() -> list[str]:
    """cpu, then the accelerator that torch can use here, if any: its kind, and each one with its index."""
    import torch

    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator is None:
        return [CPU]
    kind = accelerator.type
    return [CPU, kind, *(f"{kind}:{index}" for index in range(torch.accelerator.device_count()))]


def require_cpu(name: str, folder: Path, what: str) -> None:
    """Raises ConfigError when a model that only runs on the CPU is to run elsewhere. what: the kind of model."""
    if name not in (AUTO, CPU):
        raise ConfigError(
            f"device {name!r}: {folder} is {what}, which runs on the CPU; leave the device out, or name a torch model"
        )
