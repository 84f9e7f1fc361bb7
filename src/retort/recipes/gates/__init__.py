"""Gates: bounds on figures of a comparison, an audit or a bench, for a CI to pass or fail on.

    [[gate]]
    figure = "bias.final"
    model = "odd"               # every trained model when left out
    at_least = 0.95

    [[gate]]
    figure = "average_precision"
    relative_to = "teacher"     # the bound is on the model's figure less the teacher's
    at_least = -0.01

`figures.py` says which figures a document has, by which names; `gate.py` holds the file, `check.py` decides.
"""
