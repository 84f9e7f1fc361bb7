"""The memory that a piece of work adds at its peak: that of this process, or of the GPU that it computes on."""

import contextlib
import ctypes
import gc
import sys
import threading
from types import TracebackType
from typing import Literal

import psutil

Kind = Literal["process", "device"]

_SAMPLE_SECONDS = 0.02


class PeakMemory:
    """Context manager; afterwards `bytes` is how far the memory in use rose above that at the start of the block.

    kind: on CUDA "device", the bytes of all tensors by torch's own count (`torch.cuda.max_memory_allocated`), which is
    exact. Elsewhere "process", the resident memory of this process, sampled: the kernel's own peak never falls, so a
    later block would inherit that of an earlier one. At the start, garbage is collected and freed memory returned to
    the system; otherwise the block could use memory that an earlier one left allocated, without being measured.

    Libraries that earlier blocks imported, their threads and compiled kernels stay; they are counted for the first
    block that needs them (tens of megabytes). Files that are mapped into memory count as far as they were read.
    A rise of less than 20 ms may be missed.
    """

    def __init__(self, device: str = "cpu") -> None:
        """device: as torch names the one that the block computes on."""
        self.kind: Kind = "device" if device.startswith("cuda") else "process"
        self.bytes = 0
        self._device = device

    def __enter__(self) -> "PeakMemory":
        _release_garbage()
        if self.kind == "device":
            import torch

            torch.cuda.reset_peak_memory_stats(self._device)
            self._before: int = torch.cuda.memory_allocated(self._device)
            return self
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind == "device":
            import torch

            self._saw(torch.cuda.max_memory_allocated(self._device))
            return
        self._done.set()
        self._thread.join()
        self._saw(self._process.memory_info().rss)

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self._saw(self._process.memory_info().rss)

    def _saw(self, in_use: int) -> None:
        self.bytes = max(self.bytes, in_use - self._before)


def _release_garbage() -> None:
    gc.collect()
    if sys.platform == "linux":
        # Only glibc has it; other C libraries keep little of what is freed.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
