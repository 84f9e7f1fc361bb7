"""The machine's matrix rates: their precisions and engines, and that the products are right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retort.bench import ceilings
from retort.bench.ceilings import Rate, has_int8_instructions, measure_ceilings

SMALL = (32, 64)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "_SIDES", SMALL)


def test_every_precision_has_a_rate_and_an_engine() -> None:
    found = measure_ceilings(threads=1, seconds=0.01)
    assert list(found) == ["fp32", "bf16", "int8"]
    assert all(isinstance(rate, Rate) and rate.flop_per_second > 0 for rate in found.values())
    engines = {(engine.precision, engine.name) for engine in ceilings._engines()}
    assert {(precision, rate.engine) for precision, rate in found.items()} <= engines
    assert {"onnxruntime MatMulInteger", "torch _int_mm"} == {name for kind, name in engines if kind == "int8"}


def test_torch_gets_its_thread_count_back() -> None:
    before = torch.get_num_threads()
    measure_ceilings(threads=before + 1, seconds=0.01)
    assert torch.get_num_threads() == before


def _engine(name: str, seconds: float, clock: "Clock", precision: str = "int8") -> Any:
    """An engine that multiplies matrices of side 1 in so many seconds."""

    def product(side: int, _threads: int) -> Callable[[], None]:
        return lambda: clock.spend(name, seconds * side**3)

    return ceilings._Engine(precision, name, product)


class Clock:
    """A clock that advances only with work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.worked: list[str] = []

    def spend(self, who: str, seconds: float) -> None:
        self.now += seconds
        self.worked.append(who)

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ceilings, "time", made)
    return made


def test_the_faster_engine_is_the_ceiling(clock: Clock) -> None:
    engines = [_engine("slow", 3e-6, clock), _engine("quick", 1e-6, clock), _engine("only", 2e-6, clock, "bf16")]
    found = ceilings._fastest(engines, 1, 5.0, SMALL)
    assert found["int8"] == Rate(pytest.approx(2 / 1e-6), "quick")
    assert found["bf16"] == Rate(pytest.approx(2 / 2e-6), "only")


def test_engines_take_at_least_three_turns_even_without_time(clock: Clock) -> None:
    ceilings._fastest([_engine("a", 1e-3, clock), _engine("b", 1e-3, clock)], 1, 0.0, SMALL)
    assert clock.worked[-6:] == ["a", "b"] * 3


def test_a_slow_engine_gets_smaller_matrices(clock: Clock) -> None:
    # 32 cubed are 32,768: a millisecond; the next side takes eight of them, thrice.
    engine = _engine("a", 1e-3 / 32**3, clock)
    assert ceilings._fitting(engine, 1, 0.025, SMALL)[0] == 64
    assert ceilings._fitting(engine, 1, 0.023, SMALL)[0] == 32
    assert ceilings._fitting(engine, 1, 0.0, SMALL)[0] == 32


def test_the_integer_product_is_exact() -> None:
    left, right = ceilings._int8_matrices(16)
    product = ceilings._with_torch_int8(16)
    assert (product().numpy() == left.astype(np.int32) @ right.astype(np.int32)).all()
    assert left.dtype == np.uint8
    assert right.min() < 0 < right.max()


def test_the_graph_writes_the_exact_product_into_the_bound_output(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    bound = []
    real = onnxruntime.OrtValue.ortvalue_from_numpy
    monkeypatch.setattr(
        onnxruntime.OrtValue, "ortvalue_from_numpy", lambda array, *_: bound.append(real(array)) or bound[-1]
    )
    ceilings._with_onnx_int8(16, 1)()
    left, right = ceilings._int8_matrices(16)
    assert (bound[0].numpy() == (left.astype(np.int32) - 128) @ right.astype(np.int32)).all()


def test_without_a_gpu_there_is_no_rate_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ceilings.measure_gpu_ceilings(0.01) == {}


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", True),
        ("flags\t\t: fpu avx2 avx_vnni", True),
        ("flags\t\t: fpu sse2 avx2 avx512f", False),
        ("Features\t: fp asimd asimddp", True),
        ("model name\t: something else", None),
    ],
)
def test_int8_instructions_are_read_from_the_flags_of_the_processor(
    line: str, known: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_: f"processor\t: 0\n{line}\n")
    assert has_int8_instructions() is known


def test_without_cpuinfo_int8_instructions_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert has_int8_instructions() is None
