"""Agreement of highlighted words with the spans that raters marked: character F1 as in SemEval-2021 task 5.

The file of spans is the task's own (columns spans, text). Comments that are also in the model's training file are left
out. Rules and word lists are chosen on one half of the comments and judged on the other. See highlights.md.
"""

import argparse
import ast
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort.inference.explain import RULES, Highlight, Rule, weigh
from retort.inference.predictor import Classifier
from retort.inference.words import words_of
from retort.text import fold

Characters = frozenset[int]
Scores = npt.NDArray[np.float64]

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LEASTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)
PROBABILITIES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
CANDIDATES = [Rule(*values) for values in itertools.product(SHARES, LEASTS, PROBABILITIES)]


@dataclass(frozen=True)
class Comment:
    """A comment and the characters that raters marked."""

    text: str
    marked: Characters


def main() -> None:
    given = _parsed()
    comments = comments_of(given.spans, given.train)[: given.first]
    classifier = Classifier.load(given.model, threads=given.threads)
    weighed = [weigh(classifier, one.text, method=given.method) for one in comments]
    in_code = RULES[given.method]
    by_rule = {rule: rule_scores(rule, weighed, comments) for rule in {in_code, *CANDIDATES}}
    table = {
        "every character": each(comments, lambda text: frozenset(range(len(text)))),
        "no character": each(comments, lambda _: frozenset()),
        "word list, learnt on the other half": word_list(comments),
        f"{given.method}, rule chosen on the other half": chosen_on_the_other_half(by_rule),
        f"{given.method}, the rule in the code": by_rule[in_code],
    }
    sha256 = classifier.sha256[:12]
    print(f"{len(comments)} comments; {classifier.arm}, {classifier.format}, sha256 {sha256}; {in_code}")
    print("| what is highlighted | F1 | standard error |\n| --- | --- | --- |")
    for name, scores in table.items():
        print(f"| {name} | {scores.mean():.3f} | {scores.std(ddof=1) / len(scores) ** 0.5:.3f} |")


def comments_of(spans: Path, train: Path | None) -> list[Comment]:
    """The comments of `spans`, except those whose text is in `train`."""
    seen = set(map(fold, _column(train, "text"))) if train else set()
    rows = zip(_column(spans, "text"), map(ast.literal_eval, _column(spans, "spans")), strict=True)
    return [Comment(text, frozenset(marked)) for text, marked in rows if fold(text) not in seen]


def _column(path: Path, name: str) -> list[str]:
    # Comments such as "null" are texts.
    return pd.read_csv(path, usecols=[name], dtype=str, keep_default_na=False)[name].tolist()


def character_f1(found: Characters, marked: Characters) -> float:
    """As in the task's own evaluation, for one comment."""
    if not found or not marked:
        return float(found == marked)
    return 2 * len(found & marked) / (len(found) + len(marked))


def each(comments: Sequence[Comment], highlighted: Callable[[str], Characters]) -> Scores:
    """F1 of each comment."""
    return np.asarray([character_f1(highlighted(one.text), one.marked) for one in comments])


def rule_scores(rule: Rule, weighed: Sequence[tuple[float, list[Highlight]]], comments: Sequence[Comment]) -> Scores:
    """F1 of each comment with one rule. weighed: each comment's probability and words."""
    found = (characters(rule.standing_out(probability, words)) for probability, words in weighed)
    return np.asarray([character_f1(own, one.marked) for own, one in zip(found, comments, strict=True)])


def characters(words: Sequence[Highlight]) -> Characters:
    """The characters of the words."""
    return frozenset(itertools.chain.from_iterable(range(word.begin, word.end) for word in words))


def halves(rows: int) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Rows to choose on and rows to judge on, both ways round."""
    even = np.arange(rows) % 2 == 0
    return [(even, ~even), (~even, even)]


def chosen_on_the_other_half(by_rule: dict[Rule, Scores]) -> Scores:
    """F1 of each comment with the rule that is best on the other half."""
    scores = np.empty(len(next(iter(by_rule.values()))))
    for choosing, judged in halves(len(scores)):
        best = max(CANDIDATES, key=lambda rule: by_rule[rule][choosing].mean())
        scores[judged] = by_rule[best][judged]
    return scores


def word_list(comments: Sequence[Comment]) -> Scores:
    """F1 of each comment when words are highlighted that are marked more often than not in the other half."""
    scores = np.empty(len(comments))
    for learning, judged in halves(len(comments)):
        listed = mostly_marked([comments[row] for row in np.flatnonzero(learning).tolist()])
        for row in np.flatnonzero(judged).tolist():
            text = comments[row].text
            words = [Highlight(*span, 1.0) for span in words_of(text) if text[slice(*span)].lower() in listed]
            scores[row] = character_f1(characters(words), comments[row].marked)
    return scores


def mostly_marked(comments: Sequence[Comment]) -> set[str]:
    """Words in lower case that are marked in more than half of their occurrences."""
    written, marked = Counter[str](), Counter[str]()
    for one in comments:
        for begin, end in words_of(one.text):
            word = one.text[begin:end].lower()
            written[word] += 1
            marked[word] += one.marked.issuperset(range(begin, end))
    return {word for word, times in written.items() if 2 * marked[word] > times}


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder, as for retort predict")
    parser.add_argument("--spans", type=Path, required=True, help="trial.csv of SemEval-2021 task 5")
    parser.add_argument("--train", type=Path, help="CSV that the model was trained on: its texts are left out")
    parser.add_argument("--method", choices=list(RULES), default="leave_out")
    parser.add_argument("--first", type=int, metavar="N", help="only the first N comments")
    parser.add_argument("--threads", type=int, metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
