"""The load of other programs, computed from clocks set by hand."""

import math
import time
from collections import namedtuple

import psutil
import pytest

from retort.bench.other_load import OtherLoad

Times = namedtuple("Times", "user nice system idle iowait guest guest_nice")


def _share(
    monkeypatch: pytest.MonkeyPatch, before: Times, after: Times, *, own: float, seconds: float, cores: int
) -> float:
    values = {"cpu_times": [before, after], "monotonic": [5.0, 5.0 + seconds]}
    used = iter((1.0, 1.0 + own))
    monkeypatch.setattr(psutil, "cpu_times", lambda: values["cpu_times"].pop(0))
    monkeypatch.setattr(psutil, "cpu_count", lambda: cores)
    monkeypatch.setattr(time, "monotonic", lambda: values["monotonic"].pop(0))
    with OtherLoad(lambda: next(used)) as found:
        assert math.isnan(found.share)
    monkeypatch.undo()
    return found.share


ZERO = Times(0, 0, 0, 0, 0, 0, 0)


def test_own_processor_time_is_not_other_load(monkeypatch: pytest.MonkeyPatch) -> None:
    after = Times(user=16, nice=1, system=3, idle=0, iowait=0, guest=0, guest_nice=0)
    assert _share(monkeypatch, ZERO, after, own=15, seconds=10, cores=2) == pytest.approx(5 / 20)


def test_idle_and_iowait_are_no_load_and_guest_time_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    after = Times(user=8, nice=0, system=0, idle=10, iowait=2, guest=4, guest_nice=0)
    assert _share(monkeypatch, ZERO, after, own=6, seconds=10, cores=2) == pytest.approx(2 / 20)


def test_a_coarse_clock_cannot_push_the_share_out_of_0_to_1(monkeypatch: pytest.MonkeyPatch) -> None:
    after = Times(user=9.9, nice=0, system=0, idle=10, iowait=0, guest=0, guest_nice=0)
    assert _share(monkeypatch, ZERO, after, own=10, seconds=10, cores=2) == 0
    assert _share(monkeypatch, ZERO, Times(30, 0, 0, 0, 0, 0, 0), own=0, seconds=10, cores=2) == 1


def test_on_the_real_clocks_the_share_excludes_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with OtherLoad() as found:
        time.sleep(0.05)
    assert 0 <= found.share <= 1
    found = OtherLoad()
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(time.process_time(), 0, 0, 0, 0, 0, 0))
    with found:
        ends = time.process_time() + 0.05
        while time.process_time() < ends:
            pass
    assert found.share < 0.05
