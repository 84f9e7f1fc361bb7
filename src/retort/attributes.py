"""What a comment can be rated for: the attributes, the identities it may mention, and their order."""

PRIMARY = "toxicity"

# The order of every probability array, table and file in the project.
ATTRIBUTES = (
    PRIMARY,
    "severe_toxicity",
    "obscene",
    "threat",
    "insult",
    "identity_attack",
    "sexual_explicit",
)

# What the Perspective API calls each of them, in requests and answers.
PERSPECTIVE_NAMES = {
    PRIMARY: "TOXICITY",
    "severe_toxicity": "SEVERE_TOXICITY",
    "obscene": "PROFANITY",
    "threat": "THREAT",
    "insult": "INSULT",
    "identity_attack": "IDENTITY_ATTACK",
    "sexual_explicit": "SEXUALLY_EXPLICIT",
}

# Column names and order of the Kaggle "Unintended Bias in Toxicity Classification" file.
IDENTITIES = (
    "male",
    "female",
    "transgender",
    "other_gender",
    "heterosexual",
    "homosexual_gay_or_lesbian",
    "bisexual",
    "other_sexual_orientation",
    "christian",
    "jewish",
    "muslim",
    "hindu",
    "buddhist",
    "atheist",
    "other_religion",
    "black",
    "white",
    "asian",
    "latino",
    "other_race_or_ethnicity",
    "physical_disability",
    "intellectual_or_learning_disability",
    "psychiatric_or_mental_illness",
    "other_disability",
)


def in_order(names: set[str] | frozenset[str]) -> tuple[str, ...]:
    """The given attribute names in the project's one order; names that are no attribute are left out."""
    return tuple(name for name in ATTRIBUTES if name in names)
