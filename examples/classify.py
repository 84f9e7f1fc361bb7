"""Asks one trained model about some comments.

    python examples/classify.py runs/NAME/odd "What a lovely day" "You are a pathetic liar"
    python examples/classify.py runs/NAME/lora < comments.txt

`Classifier.load` takes any arm of a run but `majority`: a student, a LoRA adapter or the TF-IDF baseline all
answer in the same words.
"""

import argparse
import sys

from retort import Classifier


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask one trained model about some comments.")
    parser.add_argument("model", help="folder of an arm, for example runs/NAME/odd")
    parser.add_argument("texts", nargs="*", help="comments; without any, the lines of stdin")
    given = parser.parse_args()
    # A blank text is no comment: the classifier refuses it rather than rate it.
    texts = given.texts or [line.strip() for line in sys.stdin if line.strip()]

    classifier = Classifier.load(given.model)
    for text, answer in zip(texts, classifier.predict(texts), strict=True):
        print(f"{answer['verdict']}: {text}")
        likeliest_first = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
        for attribute, probability in likeliest_first:
            print(f"    {attribute:<16} {probability:.3f}")


if __name__ == "__main__":
    main()
