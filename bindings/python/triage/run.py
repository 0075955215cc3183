"""What a run found, as dictionaries and arrays of numpy.

The files are read and checked, checksums included, by the same C++ code as the program's; docs/formats.md and docs/schema
say what their fields are. Tables are dictionaries of columns, arrays of one length; what is absent in a row is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _triage
from .errors import NotFoundError

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Scores:
    """What every stage says about every image of a split: any policy and thresholds can be judged from it."""

    key: str  # what it was made from
    indices: NDArray[np.uint32]  # [images] into the data set
    labels: NDArray[np.uint32]  # [images]
    logits: dict[str, NDArray[np.float32]]  # by stage: [images, classes], before the exit's temperature
    features: dict[str, NDArray[np.float32]]  # by stage: [images, feature width]; width 0: it has none


class _ScoreFiles(Mapping[str, Scores]):
    """Reads a table when it is asked for: they may be large."""

    def __init__(self, files: dict[str, Path]):
        self._files = files

    def __getitem__(self, split: str) -> Scores:
        return Scores(**_triage._read_scores(self._files[split]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _columns(rows: list[dict[str, Any]]) -> Columns:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: list[Any]) -> NDArray[Any]:
    if all(value is None or isinstance(value, (bool, int, float)) for value in values) and None in values:
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(lengths) == 1 and all(isinstance(value, list) for value in values):
        return np.array(values)
    if all(isinstance(value, (bool, int, float)) for value in values) or all(isinstance(value, str) for value in values):
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column


class Run:
    """A directory that `triage run`, `search` or `eval` wrote. Each file is read when it is asked for first."""

    def __init__(self, path: str | PathLike[str]):
        self.path = Path(fspath(path))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _file(self, *names: str) -> Path | None:
        return next((self.path / name for name in names if (self.path / name).exists()), None)

    @cached_property
    def results(self) -> dict[str, Any] | None:
        """results.json, all of it: docs/schema/results.schema.json; None: there is none."""
        file = self._file("results.json")
        return None if file is None else _triage._read_results(file)

    @cached_property
    def curves(self) -> dict[str, Columns]:
        """By policy what every setting of the thresholds gives on the test images, rising latency: thresholds
        [points, exits - 1], accuracy, latency_us, escalation [points]."""
        policies = self.results["test"]["policies"] if self.results else {}
        return {name: _columns(policy["curve"]) for name, policy in policies.items()}

    @cached_property
    def training(self) -> dict[str, Columns]:
        """By stage how training went, metrics.jsonl: epoch, step, loss, validation_accuracy, ... [epochs]."""
        file = self._file("metrics.jsonl")
        stages: dict[str, list[dict[str, Any]]] = {}
        for row in [] if file is None else _triage._read_training_log(file):
            stages.setdefault(row.pop("stage"), []).append(row)
        return {stage: _columns(rows) for stage, rows in stages.items()}

    @cached_property
    def costs(self) -> Columns:
        """What was measured, costs.json, an entry a row: stage, engine, provider, precision, threads, batch, stable, and the
        summary of latencies as latency_us_mean, latency_us_median, ..."""
        file = self._file("costs.json", "plan/costs.json")
        rows = []
        for entry in [] if file is None else _triage._read_costs(file)["entries"]:
            summary = {f"latency_us_{name}": value for name, value in entry.pop("latency_us").items()}
            rows.append(entry | summary)
        return _columns(rows)

    @cached_property
    def front(self) -> dict[str, Columns]:
        """Of a search, front.json: points (the front, cheapest first), infeasible, singles."""
        file = self._file("front.json")
        front = {} if file is None else _triage._read_front(file)
        return {name: _columns(front[name]) for name in ("points", "infeasible", "singles") if name in front}

    @cached_property
    def plan(self) -> dict[str, Any] | None:
        """plan.json, of the run's plan: docs/schema/plan.schema.json; None: there is none."""
        file = self._file("plan/plan.json", "plan.json")
        return None if file is None else _triage._read_plan(file.parent)

    @cached_property
    def scores(self) -> Mapping[str, Scores]:
        """By split (test, validation, route) the table of scores. Each is read when it is taken, and not kept."""
        return _ScoreFiles({file.stem: file for file in sorted(self.path.glob("scores/*.bin"))})


def read_run(path: str | PathLike[str]) -> Run:
    """The run in the directory `path`, or a plan's directory. What it lacks is empty or None."""
    run = Run(path)
    known = ("results.json", "front.json", "metrics.jsonl", "costs.json", "plan.json", "plan/plan.json")
    if run._file(*known) is None:
        raise NotFoundError(f"{run.path}: expected the directory of a run, found none of {', '.join(known)}")
    return run
