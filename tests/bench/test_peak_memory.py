"""Peak memory is what a block adds, whatever ran in the process before it."""

import ctypes
import gc
import sys
import threading
import time

import numpy as np
import pytest
import torch

from retort.bench.peak_memory import PeakMemory

MB = 1_000_000
# Below glibc's threshold for mapping memory: it keeps such pieces when they are freed.
SMALL = 100_000
HAS_TRIM = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def held(megabytes: int) -> list[np.ndarray]:
    """Memory in one piece, used for longer than the time between two samples."""
    pieces = [np.ones(megabytes * MB, np.uint8)]
    time.sleep(0.2)
    return pieces


def scattered(megabytes: int) -> list[np.ndarray]:
    """Memory in small pieces, used for longer than the time between two samples."""
    pieces = [np.ones(SMALL, np.uint8) for _ in range(megabytes * MB // SMALL)]
    time.sleep(0.2)
    return pieces


def test_what_is_held_for_a_while_within_the_block_is_its_peak() -> None:
    with PeakMemory() as memory:
        held(300)
    assert memory.kind == "process"
    assert memory.bytes == pytest.approx(300 * MB, rel=0.1)


def test_a_later_block_inherits_nothing_of_a_larger_one_before_it() -> None:
    with PeakMemory() as large:
        held(300)
    with PeakMemory() as small:
        held(30)
    assert large.bytes > 270 * MB
    assert 27 * MB < small.bytes < 60 * MB


def test_what_was_loaded_before_the_block_is_not_counted() -> None:
    before = held(300)
    with PeakMemory() as memory:
        held(30)
    assert len(before) == 1
    assert 27 * MB < memory.bytes < 60 * MB


@pytest.mark.skipif(not HAS_TRIM, reason="only glibc keeps freed memory, and returns it when asked")
def test_freed_memory_that_the_process_kept_is_not_a_hidden_reserve() -> None:
    pieces = scattered(300)
    last = pieces[-1]
    del pieces  # the last piece keeps the heap from shrinking
    with PeakMemory() as memory:
        scattered(200)
    assert len(last) == SMALL
    assert memory.bytes > 180 * MB


def test_garbage_of_an_earlier_block_is_collected_before_it_begins() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.own = self
            self.pieces = held(200)

    Cycle()
    with PeakMemory() as memory:
        gc.collect()  # as Python does when it likes
        held(100)
    assert memory.bytes > 90 * MB


def test_the_watch_ends_when_the_block_fails() -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError, match="x"), PeakMemory():
        raise ValueError("x")
    assert threading.active_count() == threads


def test_a_block_that_only_frees_adds_nothing() -> None:
    pieces = held(100)
    with PeakMemory() as memory:
        pieces.clear()
    assert 0 <= memory.bytes < 10 * MB


def test_on_cuda_it_is_the_allocators_peak_above_what_was_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's counters replaced; the next test is the same on a GPU."""
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", asked.append)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 1000)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: 4000)
    with PeakMemory("cuda:1") as memory:
        pass
    assert (memory.bytes, memory.kind, asked) == (3000, "device", ["cuda:1"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_gpu_tensors_of_the_block_are_counted_and_earlier_ones_are_not() -> None:
    before = torch.ones(25 * MB, device="cuda")
    with PeakMemory("cuda") as memory:
        torch.ones(10 * MB, device="cuda")
    assert len(before) == 25 * MB
    assert memory.bytes == pytest.approx(40 * MB, rel=0.1)
