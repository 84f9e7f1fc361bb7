"""What each method does not save: a sentence for every model, from the costs that this run measured."""

from collections.abc import Iterator

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation


def not_saved(comparison: Comparison) -> list[Observation]:
    """One observation for each kind of method among the arms; only what the run measured is said."""
    parts = (_adapters, _students, _without_layers, _teacher)
    return [observation for part in parts for observation in part(comparison)]


def _adapters(comparison: Comparison) -> Iterator[Observation]:
    """Adapters leave the model as large as it was."""
    for arm in comparison.adapters:
        whole = comparison.teacher
        if whole is None or comparison.arms[arm].get("layer_indices") != comparison.arms[whole].get("layer_indices"):
            continue
        text = f"{arm} does not make inference cheaper: merged, it is as large as its base"
        own, other = comparison.latency(arm), comparison.latency(whole)
        if own is not None and other is not None:
            text += (
                f". One comment takes {display.milliseconds(own)}, with {whole}, which has the same layers, "
                f"{display.milliseconds(other)}"
            )
        text += _storage(comparison, arm, whole) + _memory(comparison, arm, whole)
        yield Observation("finding", f"What {arm} does not save", f"{text}.")


def _storage(comparison: Comparison, arm: str, whole: str) -> str:
    adapter, ten = comparison.cost(arm, "adapter_bytes"), comparison.cost(arm, "ten_tasks_bytes")
    text = f". The adapter alone has {display.size(adapter)}" if adapter is not None else ""
    other = comparison.cost(whole, "ten_tasks_bytes")
    if ten is not None and other is not None:
        text += f". Storage of ten tasks takes {display.size(ten)}, of ten models like {whole} {display.size(other)}"
    return text


def _memory(comparison: Comparison, arm: str, whole: str) -> str:
    own, other = (comparison.cost(name, "peak_train_memory_bytes") for name in (arm, whole))
    if own is None or other is None:
        return ""
    return f". Its training added {display.size(own)} of memory at its peak, full fine-tuning {display.size(other)}"


def _students(comparison: Comparison) -> Iterator[Observation]:
    """Students need their teacher first."""
    needing = {
        arm: seconds
        for arm in comparison.networks
        if arm != comparison.teacher and (seconds := comparison.cost(arm, "teacher_seconds")) is not None
    }
    if not needing:
        return
    lines = []
    for arm, seconds in needing.items():
        own = comparison.cost(arm, "train_seconds")
        after = f", then {display.seconds(own)} of its own" if own is not None else ""
        lines.append(f"{arm} {display.seconds(seconds)}{after}")
    verb = "needs its" if len(needing) == 1 else "need their"
    yield Observation(
        "finding",
        "What distilling does not save",
        f"{display.listed(list(needing))} {verb} teacher trained first, and its outputs computed: {'; '.join(lines)}. "
        "They save time and memory when they are used, not when they are trained.",
    )


def _without_layers(comparison: Comparison) -> Iterator[Observation]:
    """A student without transformer layers sees no order of words."""
    for arm in comparison.students:
        if not comparison.arms[arm].get("layer_indices"):
            yield Observation(
                "finding",
                f"What {arm} does without",
                f"{arm} has no transformer layers: it weighs the tokens of a comment and loses their order: “dog "
                "bites man” and “man bites dog” are one text to it.",
            )


def _teacher(comparison: Comparison) -> Iterator[Observation]:
    """Full fine-tuning keeps a whole model for each task."""
    whole = comparison.teacher
    ten = comparison.cost(whole, "ten_tasks_bytes") if whole else None
    if whole and ten is not None and not comparison.adapters:
        yield Observation(
            "finding",
            f"What {whole} does not save",
            f"Full fine-tuning keeps a whole model for each task: ten tasks take {display.size(ten)}.",
        )
