"""Triage: classifies images, each with as much network as it needs.

    classifier = triage.Classifier("zoo/cifar10-pair")
    outcome = classifier.classify("cat.png")

Plans: Classifier. What a run found: read_run(). Errors: triage.errors, all of them an Error.
"""

from ._triage import Classifier, ClassifierInfo, ClassifierStatistics, Outcome, Outcomes, __version__
from .errors import (
    BadInputError,
    DamagedError,
    EngineError,
    Error,
    NotFoundError,
    OutOfMemoryError,
    UnreadableError,
    UnsupportedError,
)
from .run import Run, Scores, read_run

__all__ = [
    "BadInputError",
    "Classifier",
    "ClassifierInfo",
    "ClassifierStatistics",
    "DamagedError",
    "EngineError",
    "Error",
    "NotFoundError",
    "Outcome",
    "OutOfMemoryError",
    "Outcomes",
    "Run",
    "Scores",
    "UnreadableError",
    "UnsupportedError",
    "__version__",
    "read_run",
]
