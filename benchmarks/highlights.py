"""How well highlighted words agree with those that raters marked: character F1 as SemEval-2021 task 5 defines it.

    python benchmarks/highlights.py MODEL --spans trial.csv --train train.csv

For each comment F1 of the highlighted against the marked characters; 1 when both are none, 0 when only one of
them is; then the mean over comments. `trial.csv` is the task's own file (columns spans, text). Texts that also
stand in the file that MODEL was trained on are left out.

Rules and word lists are chosen on one half of the comments (every other one) and judged on the other half.
Figures that were measured with this script stand in highlights.md beside it.
"""

import argparse
import ast
import csv
import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retort.inference.explain import RULES, Highlight, Method, Rule, weigh, words_of
from retort.inference.predictor import Classifier
from retort.text import fold

Characters = frozenset[int]
Scores = npt.NDArray[np.float64]

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LEASTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
PROBABILITIES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
CANDIDATES = [Rule(*values) for values in itertools.product(SHARES, LEASTS, PROBABILITIES)]


@dataclass(frozen=True)
class Comment:
    """A comment and the characters of it that raters marked."""

    text: str
    marked: Characters


@dataclass(frozen=True)
class Weighed:
    """What a model says of a comment: its probability, and each word's weight."""

    probability: float
    words: list[Highlight]


def main() -> None:
    arguments = parsed()
    comments = comments_of(arguments.spans, arguments.train)[: arguments.first]
    classifier = Classifier.load(arguments.model, threads=arguments.threads)
    weighed = kept(arguments.weights, lambda: [asked(classifier, one, arguments.method) for one in comments])
    frozen = RULES[arguments.method]
    by_rule = {rule: rule_scores(rule, weighed, comments) for rule in {frozen, *CANDIDATES}}
    table = {
        "every character": each(comments, lambda one: frozenset(range(len(one.text)))),
        "no character": each(comments, lambda _: frozenset()),
        "word list, learnt on the other half": word_list(comments),
        f"{arguments.method}, rule chosen on the other half": chosen_on_the_other_half(by_rule),
        f"{arguments.method}, the rule in the code": by_rule[frozen],
    }
    print(f"{len(comments)} comments; {classifier.arm}, {classifier.format}, sha256 {classifier.sha256[:12]}")
    print(f"the rule in the code: {frozen}\n")
    print("| what is highlighted | F1 | standard error |\n| --- | --- | --- |")
    for name, scores in table.items():
        print(f"| {name} | {scores.mean():.3f} | {scores.std(ddof=1) / len(scores) ** 0.5:.3f} |")
    print("\nBest rules on all comments:")
    for rule in sorted(CANDIDATES, key=lambda rule: -by_rule[rule].mean())[:5]:
        print(f"  {by_rule[rule].mean():.4f} {rule}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder, as for retort predict")
    parser.add_argument("--spans", type=Path, required=True, help="trial.csv of SemEval-2021 task 5")
    parser.add_argument("--train", type=Path, help="CSV that the model was trained on: its texts are left out")
    parser.add_argument("--method", choices=list(RULES), default="leave_out")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N comments")
    parser.add_argument("--threads", type=int, metavar="N")
    parser.add_argument("--weights", type=Path, help="JSON file to keep the weights in, or to read them from")
    return parser.parse_args()


def comments_of(spans: Path, train: Path | None) -> list[Comment]:
    """The comments of `spans`, but those whose text stands in `train`."""
    seen = {fold(row["text"]) for row in rows_of(train)} if train else set()
    comments = [Comment(row["text"], frozenset(ast.literal_eval(row["spans"]))) for row in rows_of(spans)]
    return [one for one in comments if fold(one.text) not in seen]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def asked(classifier: Classifier, comment: Comment, method: Method) -> Weighed:
    return Weighed(*weigh(classifier, comment.text, method=method))


def kept(path: Path | None, measure: Callable[[], list[Weighed]]) -> list[Weighed]:
    """What `path` holds, or else what is measured, which is then written there."""
    if path and path.is_file():
        return [
            Weighed(one["probability"], [Highlight(**word) for word in one["words"]])
            for one in json.loads(path.read_text("utf-8"))
        ]
    weighed = measure()
    if path:
        path.write_text(json.dumps([asdict(one) for one in weighed]), "utf-8")
    return weighed


def character_f1(found: Characters, marked: Characters) -> float:
    """As the task's own evaluation has it, for one comment."""
    if not found or not marked:
        return float(found == marked)
    return 2 * len(found & marked) / (len(found) + len(marked))


def each(comments: Sequence[Comment], highlighted: Callable[[Comment], Characters]) -> Scores:
    return np.asarray([character_f1(highlighted(one), one.marked) for one in comments])


def rule_scores(rule: Rule, weighed: Sequence[Weighed], comments: Sequence[Comment]) -> Scores:
    """F1 of each comment when `rule` says which words stand out."""
    found = (characters(rule.standing_out(one.probability, one.words)) for one in weighed)
    return np.asarray([character_f1(here, one.marked) for here, one in zip(found, comments, strict=True)])


def characters(words: Sequence[Highlight]) -> Characters:
    return frozenset(itertools.chain.from_iterable(range(word.begin, word.end) for word in words))


def halves(rows: int) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Which rows choose and which are judged, both ways round."""
    even = np.arange(rows) % 2 == 0
    return [(even, ~even), (~even, even)]


def chosen_on_the_other_half(by_rule: dict[Rule, Scores]) -> Scores:
    scores = np.empty(len(next(iter(by_rule.values()))))
    for choosing, judged in halves(len(scores)):
        best = max(CANDIDATES, key=lambda rule: by_rule[rule][choosing].mean())
        scores[judged] = by_rule[best][judged]
    return scores


def word_list(comments: Sequence[Comment]) -> Scores:
    """Every word highlighted that raters of the other half marked more often than not."""
    scores = np.empty(len(comments))
    for learning, judged in halves(len(comments)):
        listed = mostly_marked([comments[i] for i in np.flatnonzero(learning).tolist()])
        for i in np.flatnonzero(judged).tolist():
            text = comments[i].text
            words = [Highlight(*span, 1.0) for span in words_of(text) if text[slice(*span)].lower() in listed]
            scores[i] = character_f1(characters(words), comments[i].marked)
    return scores


def mostly_marked(comments: Sequence[Comment]) -> set[str]:
    written: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for one in comments:
        for begin, end in words_of(one.text):
            word = one.text[begin:end].lower()
            written[word] += 1
            marked[word] += one.marked.issuperset(range(begin, end))
    return {word for word, times in written.items() if 2 * marked[word] > times}


if __name__ == "__main__":
    main()
