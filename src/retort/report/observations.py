"""What the numbers say, in plain sentences: findings, limits and difficulties, each computed and none assumed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retort.evaluation.intervals import FEW, comments_for_half_width
from retort.report import formats
from retort.report.choice import Facts, needed, span
from retort.report.tables import Comparison, majority_share

# A split with fewer positives than this gives wide intervals whatever the model.
_FEW_POSITIVES = 50
_MARGIN_WANTED = 0.05


@dataclass(frozen=True)
class Observation:
    """`kind` is "finding", "warning", "limit" or "difficulty"."""

    kind: str
    title: str
    text: str


def observe(comparison: Comparison) -> list[Observation]:
    """All observations, the weightiest first within each kind."""
    facts = Facts(comparison)
    parts: tuple[Callable[[Facts], Iterator[Observation]], ...] = (
        _accuracy, _silent, _odd_and_even, _students, _controls, _lora, _against_tfidf, _overfitting, _unfinished,
        _few_positives, _one_run, _many_pairs, _labels, _sample, _difficulties,
    )  # fmt: skip
    return [observation for part in parts for observation in part(facts)]


def _accuracy(facts: Facts) -> Iterator[Observation]:
    free, counts = majority_share(facts.comparison, "test"), facts.test_counts()
    if free is None or counts is None or not facts.learned:
        return
    rows, positives = counts
    values = {arm: facts.value(arm, "accuracy") for arm in facts.learned}
    # Equal means: the same number of right verdicts.
    equal = [arm for arm, value in values.items() if value is not None and round((value - free) * rows) == 0]
    right = max(positives, rows - positives)
    answer = f"“non-{facts.name}”" if positives <= rows / 2 else f"“{facts.name}”"
    free_text = (
        f"{positives:,} of {formats.counted(rows, 'test comment')} {'is' if positives == 1 else 'are'} {facts.name}, "
        f"so answering {answer} to everything is right {right:,} times: {formats.number(free)}"
    )
    if equal:
        who = "Every model" if len(equal) == len(facts.learned) else formats.listed(equal)
        has = "has" if len(equal) == 1 or len(equal) == len(facts.learned) else "have"
        recalls = {formats.number(facts.value(arm, "recall")) for arm in equal}
        caught = f" Recall of {'each' if len(equal) > 1 else 'it'}: {recalls.pop()}." if len(recalls) == 1 else ""
        yield Observation(
            "warning",
            "Accuracy equals the majority share",
            f"{who} {has} a test accuracy of {formats.number(values[equal[0]])}. {free_text}. "
            f"That accuracy was free, and says nothing about finding {facts.name} comments.{caught} "
            "Judge by average precision, recall and F1.",
        )
        return
    majority = next(iter(facts.of_kind("majority")), None)
    shown = [arm for arm in facts.learned if majority and facts.better(arm, majority, "accuracy")]
    best = max(values, key=lambda arm: values[arm] or 0)
    tail = (
        f"Shown to lie above it: {formats.listed(shown)}."
        if shown
        else "No model is shown to lie above it: on accuracy alone this test split cannot tell any from the baseline."
    )
    yield Observation(
        "finding" if shown else "warning",
        "What accuracy is worth here",
        f"{free_text}. The highest accuracy, {facts.written(best, 'accuracy') + f' of {best}'}, "
        f"is to be read against that. {tail}",
    )


def _silent(facts: Facts) -> Iterator[Observation]:
    silent = [arm for arm in facts.learned if facts.value(arm, "precision") is None and facts.entry(arm, "precision")]
    if silent:
        many = len(silent) > 1
        yield Observation(
            "warning",
            f"{'Models' if many else 'A model'} that never {'say' if many else 'says'} “{facts.name}”",
            f"{formats.listed(silent)} gave no test comment a probability at or above the decision threshold: none "
            "was flagged, so precision does not exist and F1 is 0. Average precision and ROC-AUC, which need no "
            "threshold, may still show that something was learned; a lower one, chosen on validation, would use it.",
        )


def _odd_and_even(facts: Facts) -> Iterator[Observation]:
    row = facts.pair("odd", "even", "average_precision")
    if row is None:
        return
    odd, even = (formats.layers(facts.arms[arm].get("layer_indices")) for arm in ("odd", "even"))
    which = f"odd keeps teacher layers {odd}, even keeps {even}. "
    if row["difference"] is None:
        yield Observation("warning", "Odd or even layers?", which + f"They could not be compared: {formats.why(row)}.")
        return
    figures = f"Average precision {formats.number(facts.value('odd', 'average_precision'))} against "
    figures += f"{formats.number(facts.value('even', 'average_precision'))}, difference {span(row)}. "
    told = {
        "tie": "A tie: the difference is surely smaller than the tie margin. Take either.",
        "cannot tell": f"This test split cannot tell which is better; {needed(row)}.",
    }.get(row["better"], f"{row['better']} is better on these comments.")
    accuracy = facts.pair("odd", "even", "accuracy")
    if accuracy and accuracy["difference"] == 0:
        told += " Their accuracies are equal."
    titles = {"tie": "Odd or even layers: a tie", "cannot tell": "Odd or even layers: cannot tell"}
    yield Observation(
        "finding", titles.get(row["better"], f"Odd or even layers: {row['better']}"), which + figures + told
    )


def _students(facts: Facts) -> Iterator[Observation]:
    teacher = next(iter(facts.of_kind("teacher")), None)
    top = facts.value(teacher, "average_precision") if teacher else None
    counts = facts.test_counts()
    # A share of a figure that is hardly known says nothing.
    if teacher is None or not top or (counts is not None and counts[1] < FEW):
        return
    lines = []
    for arm in facts.of_kind("student"):
        value = facts.value(arm, "average_precision")
        if value is None:
            continue
        line = f"{arm} has {formats.percent(value / top, 0)} of the teacher's average precision"
        slow, fast = facts.latency(teacher), facts.latency(arm)
        line += f" at {slow / fast:.1f} times its speed" if slow and fast else ""
        row = facts.pair(arm, teacher, "average_precision") or {}
        line += {"tie": " (a tie)", "cannot tell": " (cannot tell them apart)", arm: " (shown to be better)"}.get(
            str(row.get("better")), " (shown to be worse)"
        )
        lines.append(line)
    if lines:
        small = facts.of_kind("student")[0]
        sizes = [(facts.arms[arm].get("parameters") or {}).get("total") for arm in (small, teacher)]
        tail = f". {small} has {formats.whole(sizes[0])} parameters, the teacher {formats.whole(sizes[1])}"
        yield Observation(
            "finding", "What the students keep of their teacher", "; ".join(lines) + (tail if all(sizes) else "") + "."
        )


def _controls(facts: Facts) -> Iterator[Observation]:
    for control, title in (("alone", "What distillation is worth"), ("random", "What copying layers is worth")):
        for arm in facts.of_kind("student"):
            rival = f"{arm}-{control}"
            row = facts.pair(arm, rival, "average_precision") if rival in facts.arms else None
            if row is None or row["difference"] is None:
                continue
            told = {
                arm: "it helped", rival: "it did harm here", "tie": "it made no difference that matters",
                "cannot tell": f"cannot tell whether it helped; {needed(row)}",
            }[row["better"]]  # fmt: skip
            how = "without the teacher's help" if control == "alone" else "from random layers"
            yield Observation(
                "finding", title, f"{arm} against {rival}, the same model fitted {how}: {span(row)}; {told}."
            )


def _lora(facts: Facts) -> Iterator[Observation]:
    teacher = next(iter(facts.of_kind("teacher")), None)
    for arm in facts.of_kind("lora"):
        parameters = facts.arms[arm].get("parameters") or {}
        if not parameters.get("total") or parameters.get("trainable") is None:
            continue
        text = (
            f"{arm} trained {formats.whole(parameters['trainable'])} of {formats.whole(parameters['total'])} "
            f"parameters ({formats.percent(parameters['trainable'] / parameters['total'], 2)})"
        )
        if teacher:
            spent, full = facts.cost(arm, "train_seconds"), facts.cost(teacher, "train_seconds")
            if spent and full:
                text += (
                    f" in {formats.seconds(spent)}, where full fine-tuning of the teacher took {formats.seconds(full)}"
                )
            slow, base = facts.latency(arm), facts.latency(teacher)
            if slow and base:
                text += f". It answers in {formats.milliseconds(slow)} a comment, the teacher in "
                text += f"{formats.milliseconds(base)}: LoRA makes training lighter, not the model"
            row = facts.pair(arm, teacher, "average_precision")
            if row and row["difference"] is not None:
                told = {
                    "tie": "a tie", "cannot tell": f"cannot tell; {needed(row)}", arm: f"{arm} is better",
                }.get(row["better"], f"{teacher} is better")  # fmt: skip
                text += f". Average precision against the teacher's: {span(row)}: {told}"
        yield Observation("finding", f"What {arm} trained, and what it cost", text + ".")


def _against_tfidf(facts: Facts) -> Iterator[Observation]:
    for baseline in facts.of_kind("tfidf"):
        shown = [arm for arm in facts.learned if facts.better(arm, baseline)]
        others = [arm for arm in facts.learned if arm not in shown]
        if others:
            text = f"Not shown to rank better than TF-IDF with logistic regression: {formats.listed(others)}."
            text += f" Shown: {formats.listed(shown)}." if shown else " It costs a fraction of them; start there."
            yield Observation("warning", "A bag of words keeps up", text)
        elif shown:
            yield Observation(
                "finding",
                "Better than a bag of words",
                f"Each of {formats.listed(shown)} is shown to rank better than TF-IDF with logistic regression, "
                f"which has an average precision of {facts.written(baseline, 'average_precision')}.",
            )


def _overfitting(facts: Facts) -> Iterator[Observation]:
    found: dict[str, tuple[float, int, float]] = {}
    for arm in facts.learned:
        history = [row for row in facts.arms[arm].get("history") or [] if _has_both_losses(row)]
        if len(history) < 2:
            continue
        low = min(history, key=lambda row: row["validation_loss"])
        last, hard = history[-1], [row["train_loss"]["hard"] for row in (low, history[-1])]
        # A tenth of noise is no trend: one per cent above the lowest point is where it is called one.
        rises = last["validation_loss"] > 1.01 * low["validation_loss"]
        if rises and hard[1] < hard[0]:
            found[arm] = (low["validation_loss"], low["epoch"], last["validation_loss"])
    if found:
        worst = max(found, key=lambda arm: found[arm][2] / found[arm][0])
        low_loss, epoch, end_loss = found[worst]
        yield Observation(
            "warning",
            "Overfitting",
            f"Validation loss rises again while the train loss still falls: {formats.listed(list(found))}. "
            f"Most of all in {worst}: {formats.number(low_loss)} after epoch {epoch}, {formats.number(end_loss)} at "
            "the end. The learning curves mark the epoch that was kept.",
        )


def _has_both_losses(row: Mapping[str, Any]) -> bool:
    return row.get("validation_loss") is not None and (row.get("train_loss") or {}).get("hard") is not None


def _unfinished(facts: Facts) -> Iterator[Observation]:
    unfinished = []
    for arm in facts.learned:
        history = facts.arms[arm].get("history") or []
        losses: list[float] = [row["validation_loss"] for row in history if row.get("validation_loss") is not None]
        if len(losses) > 1 and losses[-1] == min(losses) and losses[-1] < 0.98 * losses[-2]:
            unfinished.append(arm)
    if unfinished:
        yield Observation(
            "finding",
            "Still learning when it stopped",
            f"The last epoch lowered the validation loss by over 2 % for {formats.listed(unfinished)}: more epochs, or "
            "a higher rate, may give better figures than these.",
        )


def _few_positives(facts: Facts) -> Iterator[Observation]:
    counts = facts.test_counts()
    if counts is None or counts[1] >= _FEW_POSITIVES:
        return
    rows, positives = counts
    text = (
        f"The test split holds {formats.counted(positives, f'{facts.name} comment')} among {rows:,}. Recall, F1 and "
        f"average precision rest on {'that one' if positives == 1 else 'those'} alone"
    )
    arms = [arm for arm in facts.learned if facts.entry(arm, "average_precision").get("low") is not None]
    if arms:
        arm = max(arms, key=lambda name: facts.value(name, "average_precision") or 0)
        entry = facts.entry(arm, "average_precision")
        text += f": {arm}'s average precision is known as {facts.written(arm, 'average_precision')}"
        wanted = comments_for_half_width(rows, entry["low"], entry["high"], _MARGIN_WANTED)
        if wanted > rows:
            text += f". To know it to about ± {_MARGIN_WANTED} would take some {formats.rounded(wanted)} test comments"
    yield Observation("limit", f"Few {facts.name} comments", text + ".")


def _one_run(_: Facts) -> Iterator[Observation]:
    yield Observation(
        "limit",
        "One run per model",
        "Each model was trained once, from one seed. The intervals cover which test comments were drawn, not the luck "
        "of training: another seed may order close models otherwise.",
    )


def _many_pairs(facts: Facts) -> Iterator[Observation]:
    pairs = [row for row in facts.comparison["pairs"] if row["metric"] == "average_precision"]
    if len(pairs) >= 10:
        yield Observation(
            "limit",
            "Many comparisons",
            f"{len(pairs)} pairs were compared on each metric, at 5 % each and without correction: if no pair differed "
            f"at all, up to about {max(1, round(0.05 * len(pairs)))} would still be called different by chance.",
        )


def _labels(facts: Facts) -> Iterator[Observation]:
    threshold = facts.comparison.get("label_threshold")
    if threshold is not None:
        yield Observation(
            "limit",
            "What a label is",
            f"A comment counts as {facts.name} when at least {formats.percent(threshold, 0)} of its raters said so. "
            "Raters disagree, and a model learns their habits with their judgement. Latency and memory were measured "
            "on one machine; expect the ratios to hold better than the figures.",
        )


def _sample(facts: Facts) -> Iterator[Observation]:
    if (facts.comparison.get("data") or {}).get("source") == "sample":
        yield Observation(
            "limit",
            "Written for practice",
            "The embedded sample was written for this program. It is not natural data: its figures show that the "
            "comparison works, and do not carry over to any site's comments.",
        )


def _difficulties(facts: Facts) -> Iterator[Observation]:
    data = facts.comparison.get("data", {})
    dropped: dict[str, int] = {}
    for faults in (data.get("dropped") or {}).values():
        for fault, found in faults.items():
            dropped[fault] = dropped.get(fault, 0) + int(found["count"])
    if any(dropped.values()):
        listed = formats.listed([f"{reason}: {count:,}" for reason, count in dropped.items() if count])
        yield Observation("difficulty", "Rows left out", f"Rows that could not be used: {listed}.")
    total = sum((data.get("duplicates") or {}).values())
    if total:
        yield Observation(
            "difficulty",
            "Duplicates",
            f"{formats.counted(total, 'comment')} with the text of another {'was' if total == 1 else 'were'} dropped "
            "before splitting, so that no text stands in two splits.",
        )
    for note in facts.comparison.get("notes") or []:
        yield Observation("difficulty", "Note", str(note))
