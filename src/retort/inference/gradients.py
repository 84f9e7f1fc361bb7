"""Word weights by integrated gradients, for models in torch (Sundararajan et al. 2017, arXiv:1703.01365)."""

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retort.data.batches import Frame, Ids, Integers, Tokens
from retort.errors import ConfigError, ResourceError
from retort.extras import install_line
from retort.inference.passages import Passage
from retort.inference.predictor import Classifier

Values = npt.NDArray[np.float64]

# Points of the integral, and how many of them are computed in one batch.
_STEPS = 16
_STEPS_AT_ONCE = 8


def integrated_gradients(classifier: Classifier, column: int, passages: Sequence[Passage]) -> Values:
    """The weight of every word of the passages, (n words,): the sum over its tokens.

    Along the word embeddings, from [PAD] in place of every token to the passage. The weights of all tokens add up to
    the difference in log-odds. Raises ResourceError when captum is not installed, ConfigError for a model that is not
    in torch.
    """
    attribution = _TokenAttribution(classifier, column)
    weights: list[Values] = []
    for passage in passages:
        word_at = np.full(len(passage.text), -1)
        for index, (begin, end) in enumerate(passage.words):
            word_at[begin:end] = index
        owners, values = attribution(passage.text, word_at)
        weights.append(np.bincount(owners, values, minlength=len(passage.words)).astype(np.float64))
    return np.concatenate(weights) if weights else np.empty(0)


class _TokenAttribution:
    """What each token of a text adds to a model's log-odds of one attribute."""

    def __init__(self, classifier: Classifier, column: int) -> None:
        try:
            from captum.attr import LayerIntegratedGradients
        except ModuleNotFoundError as error:
            raise ResourceError(f"integrated gradients: captum is not installed; {install_line('captum')}") from error
        if classifier.format != "torch":
            raise ConfigError(
                f"integrated gradients: {classifier.arm} is {classifier.format}, not torch; use leave_out"
            )
        windowed: Any = classifier.model
        # captum adds hooks, which other threads that use the classifier must not run.
        self._model = _copy_sharing_tensors(windowed.scorer.model)
        self._column = column
        self._tokenizer = windowed.reader.tokenizer
        self._max_length = windowed.reader.max_length
        self._gradients = LayerIntegratedGradients(
            lambda ids, mask: self._model(input_ids=ids, attention_mask=mask).logits,
            self._model.get_input_embeddings(),
        )

    def __call__(self, text: str, word_at: Integers) -> tuple[Integers, Values]:
        """The word of each token that belongs to one, and the token's value.

        word_at: (len(text),), the index of the word at each character, -1 for none.
        """
        frame = Frame.of(self._tokenizer)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, np.int32)
        owners = word_at[np.asarray([begin for begin, _ in encoding.offsets], np.int64)]
        values = np.zeros(len(ids))
        room = frame.room(self._max_length)
        for begin in range(0, len(ids), room):
            part = slice(begin, begin + room)
            # Windows of punctuation alone are skipped: a text may hold thousands of signs between two words.
            if (owners[part] >= 0).any():
                values[part] = self._of_window(ids[part], frame)
        return owners[owners >= 0], values[owners >= 0]

    def _of_window(self, ids: Ids, frame: Frame) -> Values:
        """(len(ids),). Their sum is log-odds(ids) - log-odds(as many [PAD]); [CLS] and [SEP] contribute 0."""
        import torch

        device = next(self._model.parameters()).device
        inputs, mask = (torch.from_numpy(array).to(device) for array in _padded(ids, frame))
        baseline = torch.from_numpy(_padded(np.full_like(ids, frame.pad_id), frame)[0]).to(device)
        attributions = self._gradients.attribute(
            inputs,
            baseline,
            target=self._column,
            additional_forward_args=(mask,),
            n_steps=_STEPS,
            internal_batch_size=_STEPS_AT_ONCE,
        )
        first = len(frame.before)
        values: Values = attributions.sum(-1)[0, first : first + len(ids)].double().cpu().numpy()
        return values


def _padded(ids: Ids, frame: Frame) -> tuple[Integers, Integers]:
    return Tokens.joined([frame.around(ids)], frame.pad_id).padded([0])


def _copy_sharing_tensors(model: Any) -> Any:
    """A copy of the model's modules around the same parameters and buffers."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
