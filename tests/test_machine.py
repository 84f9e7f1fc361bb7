"""How many cores and threads a process may use."""

import os

import pytest

from retort.machine import usable_cores, usable_threads


@pytest.mark.parametrize(("requested", "threads"), [("", 4), ("3", 3), ("9", 4), ("2,1", 2), ("0", 4), ("many", 4)])
def test_omp_num_threads_limits_the_threads_but_not_the_cores(
    requested: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 5}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", requested)
    assert usable_cores() == 4
    assert usable_threads() == threads


def test_without_affinity_every_core_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
