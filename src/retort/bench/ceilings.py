"""The rate at which this machine multiplies matrices, an upper bound for every model on it.

Each precision is measured with the engines that Retort's models run on; the faster engine's rate is the ceiling.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from retort.machine import usable_threads

# Sides of square matrices. In the largest ones, packing and starting threads take a small share of the time.
_SIDES = (256, 512, 1024, 2048)
_GPU_SIDES = (1024, 2048, 4096, 8192)
_FEWEST_ROUNDS = 3
# After its work, an engine's threads spin for a moment on the cores that the next engine needs.
_REST_SECONDS = 0.005
_ERRORS_ONLY = 3
_OPSET, _IR_VERSION = 21, 10
# Flags in /proc/cpuinfo for instructions that accumulate products of 8-bit integers: x86, then ARM.
_INT8_INSTRUCTIONS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})

Product = Callable[[], Any]


@dataclass(frozen=True)
class Rate:
    """Operations per second (a multiply and an add are two; integer operations with int8), and the engine."""

    flop_per_second: float
    engine: str


@dataclass(frozen=True)
class _Engine:
    """`product(side, threads)` returns a function that multiplies two square matrices made beforehand."""

    precision: str
    name: str
    product: Callable[[int, int], Product]


def measure_ceilings(threads: int | None = None, seconds: float = 3.0) -> dict[str, Rate]:
    """The rates of large square matrix products in fp32, bf16 and int8, with `threads` (default: `usable_threads`).

    After a warm-up, the engines take turns for about `seconds` in total, at least three times each; a rate is
    computed from the median time. A slow engine gets smaller matrices, so that all engines have equally many turns.
    """
    count = threads or usable_threads()
    with _torch_threads(count):
        return _fastest(_engines(), count, seconds, _SIDES)


def measure_gpu_ceilings(seconds: float = 1.0) -> dict[str, Rate]:
    """As `measure_ceilings`, for bf16 and fp16 on the first CUDA device; empty without one."""
    if not torch.cuda.is_available():
        return {}
    device = torch.cuda.get_device_name(0)
    engines = [
        _Engine("bf16", f"torch on {device}", lambda side, _threads: _on_gpu(side, torch.bfloat16)),
        _Engine("fp16", f"torch on {device}", lambda side, _threads: _on_gpu(side, torch.float16)),
    ]
    return _fastest(engines, 1, seconds, _GPU_SIDES)


def has_int8_instructions() -> bool | None:
    """Whether the processor accumulates products of 8-bit integers in one instruction, such as VNNI.

    None where the system does not report it.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, words = line.partition(":")
            if name.strip().lower() in ("flags", "features"):
                return not _INT8_INSTRUCTIONS.isdisjoint(words.split())
    return None


def _engines() -> list[_Engine]:
    engines = [
        _Engine("fp32", "torch", lambda side, _threads: _with_torch(side, torch.float32)),
        _Engine("fp32", "onnxruntime", _with_onnx),
        _Engine("bf16", "torch", lambda side, _threads: _with_torch(side, torch.bfloat16)),
        _Engine("int8", "onnxruntime MatMulInteger", _with_onnx_int8),
    ]
    # Not every version of torch multiplies unsigned by signed integers.
    with contextlib.suppress(RuntimeError):
        _with_torch_int8(32)()
        engines.append(_Engine("int8", "torch _int_mm", lambda side, _threads: _with_torch_int8(side)))
    return engines


def _fastest(engines: list[_Engine], threads: int, seconds: float, sides: Sequence[int]) -> dict[str, Rate]:
    products = {engine: _fitting(engine, threads, seconds / len(engines), sides) for engine in engines}
    taken: dict[_Engine, list[float]] = {engine: [] for engine in engines}
    ends = time.perf_counter() + seconds
    while len(taken[engines[-1]]) < _FEWEST_ROUNDS or time.perf_counter() < ends:
        for engine, (_, product) in products.items():
            time.sleep(_REST_SECONDS)
            taken[engine].append(_seconds(product))
    rates: dict[str, Rate] = {}
    for engine, (side, _) in products.items():
        rate = Rate(_flop(side) / median(taken[engine]), engine.name)
        if engine.precision not in rates or rates[engine.precision].flop_per_second < rate.flop_per_second:
            rates[engine.precision] = rate
    return rates


def _fitting(engine: _Engine, threads: int, seconds: float, sides: Sequence[int]) -> tuple[int, Product]:
    """The largest side, with its warmed-up product, that fits `_FEWEST_ROUNDS` times into `seconds`; `sides` rise."""
    side, product = sides[0], engine.product(sides[0], threads)
    product()
    for larger in sides[1:]:
        # Estimated from the size before: the smallest one predicts the largest poorly.
        expected = _seconds(product) * _flop(larger) / _flop(side)
        if expected * _FEWEST_ROUNDS > seconds:
            break
        side, product = larger, engine.product(larger, threads)
        product()
    return side, product


def _flop(side: int) -> float:
    return 2.0 * side**3


def _seconds(product: Product) -> float:
    began = time.perf_counter()
    product()
    return time.perf_counter() - began


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _with_torch(side: int, dtype: torch.dtype) -> Product:
    left, right = (torch.rand((side, side)).to(dtype) for _ in range(2))
    result = torch.empty((side, side), dtype=dtype)
    return lambda: torch.mm(left, right, out=result)


def _with_torch_int8(side: int) -> Product:
    left, right = (torch.from_numpy(matrix) for matrix in _int8_matrices(side))
    result = torch.empty((side, side), dtype=torch.int32)
    return lambda: torch._int_mm(left, right, out=result)


def _on_gpu(side: int, dtype: torch.dtype) -> Product:
    left, right = (torch.rand((side, side), device="cuda").to(dtype) for _ in range(2))
    result = torch.empty_like(left)

    def product() -> None:
        torch.mm(left, right, out=result)
        torch.cuda.synchronize()

    return product


def _with_onnx(side: int, threads: int) -> Product:
    generator = np.random.default_rng(0)
    left, right = (generator.random((side, side), np.float32) for _ in range(2))
    node = onnx.helper.make_node("MatMul", ["left", "right"], ["result"])
    return _session_product(node, left, {"right": right}, np.float32, threads)


def _with_onnx_int8(side: int, threads: int) -> Product:
    left, right = _int8_matrices(side)
    node = onnx.helper.make_node("MatMulInteger", ["left", "right", "left_zero", "right_zero"], ["result"])
    constants = {"right": right, "left_zero": np.array(128, np.uint8), "right_zero": np.array(0, np.int8)}
    return _session_product(node, left, constants, np.int32, threads)


def _int8_matrices(side: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """As in int8 models: unsigned activations, signed weights."""
    generator = np.random.default_rng(0)
    left = generator.integers(0, 256, (side, side), np.uint8)
    return left, generator.integers(-127, 128, (side, side), np.int8)


def _session_product(
    node: onnx.NodeProto,
    left: np.ndarray[Any, Any],
    constants: dict[str, np.ndarray[Any, Any]],
    result: Any,
    threads: int,
) -> Product:
    """A graph of one node; its right side is a constant, as a model's weights are."""
    kinds = {"left": left.dtype, "result": np.dtype(result)}
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(kind), left.shape)
        for name, kind in kinds.items()
    ]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = onnx.helper.make_graph([node], "product", ends[:1], ends[1:], weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # As in serving; spinning threads would also slow the other engines down.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # Bound once, so that allocating the result is not part of the time.
    binding = session.io_binding()
    binding.bind_cpu_input("left", left)
    binding.bind_ortvalue_output("result", onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(left.shape, result)))
    return lambda: session.run_with_iobinding(binding)
