"""The weighted sum of terms that one arm minimises, and its settings, both made from the folder of terms."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, create_model, model_validator

from retort.config import IdentityWeight
from retort.strict import StrictModel
from retort.training.terms import Term, all_terms

if TYPE_CHECKING:
    from retort.models.features import FeaturePair

Weight = Annotated[float, Field(ge=0)]


class _TermWeights(StrictModel):
    """Some term must have a weight; and how much a comment counts in the terms that compare with the teacher."""

    identity_weight: IdentityWeight = Field(
        1.0,
        description="how many times a comment that mentions an identity counts in the terms that compare the teacher",
    )
    augmented_weight: Weight | None = Field(
        None,
        description="how much an augmented comment counts in them; empty: 1, but 0 with a ready-made teacher, which "
        "was not trained with it, so that the labels alone decide",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = list(all_terms())
        if not any(getattr(self, name) for name in names):
            listed = f"{', '.join(names[:-1])} and {names[-1]}"
            raise ValueError(f"{listed} are all 0; give at least one of them a weight above 0")
        return self


@functools.cache
def distillation_settings() -> type[StrictModel]:
    """The settings of the loss: a weight for each term under its name, and the settings of the terms."""
    own = set(_TermWeights.model_fields)
    fields: dict[str, Any] = {
        name: (Weight, Field(term.WEIGHT, description=f"weight of the {term.TITLE}"))
        for name, term in all_terms().items()
    }
    for term in all_terms().values():
        for key, field in term.Settings.model_fields.items():
            assert key not in fields.keys() | own, f"two settings of the loss are called {key!r}"
            fields[key] = (field.annotation, field)
    about = "The weights of the loss's terms, and the settings of each."
    return create_model("DistillationSettings", __base__=_TermWeights, __doc__=about, **fields)


def labels_alone() -> StrictModel:
    """The loss without a teacher: the terms that need none, their default weights scaled to a sum of 1."""
    weights = {name: 0.0 if term.USES_TEACHER else term.WEIGHT for name, term in all_terms().items()}
    total = sum(weights.values())
    return distillation_settings()(**{name: weight / total for name, weight in weights.items()})


@dataclass(frozen=True)
class WeightedTerm:
    """One term of an objective, with its weight and settings."""

    name: str
    term: Term
    weight: float
    settings: StrictModel

    def pairs(self, layers: int, copied: tuple[int, ...] | None, teacher_layers: int) -> "tuple[FeaturePair, ...]":
        """The features that it compares, see `retort.training.terms`."""
        return self.term.pairs(layers, copied, teacher_layers, self.settings)


@dataclass(frozen=True)
class Objective:
    """The terms with a weight above 0, in their order.

    identity_weight, augmented_weight: of such comments in the terms that compare with the teacher, as in the settings.
    """

    terms: tuple[WeightedTerm, ...]
    identity_weight: float = 1.0
    augmented_weight: float | None = None

    @classmethod
    def of(cls, settings: StrictModel) -> "Objective":
        """The objective of an instance of `distillation_settings()`."""
        values = settings.model_dump()
        return cls(
            tuple(
                WeightedTerm(name, term, values[name], _own(term, values))
                for name, term in all_terms().items()
                if values[name] > 0
            ),
            values["identity_weight"],
            values["augmented_weight"],
        )

    @property
    def uses_teacher(self) -> bool:
        """Whether a term compares with the teacher."""
        return any(one.term.USES_TEACHER for one in self.terms)

    def pairs(self, layers: int, copied: tuple[int, ...] | None, teacher_layers: int) -> "tuple[FeaturePair, ...]":
        """The features of student and teacher that its terms compare, each pair once."""
        return tuple(dict.fromkeys(pair for one in self.terms for pair in one.pairs(layers, copied, teacher_layers)))


def _own(term: Term, values: Mapping[str, Any]) -> StrictModel:
    return term.Settings(**{key: values[key] for key in term.Settings.model_fields})
