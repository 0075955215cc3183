"""triage.read_run on files of the zoo and on files that are written here, as docs/formats.md says."""

import hashlib
import json
import struct
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np
import tiny_plan

import triage

ZOO = Path(__file__).resolve().parents[3] / "zoo"


def write_scores(file, splits=5, classes=3):
    """A score table by its description alone. Returns what is in it."""
    random = np.random.default_rng(splits)
    indices = random.permutation(splits).astype("<u4")
    labels = random.integers(0, classes, splits).astype("u1")
    logits = [random.normal(size=(splits, classes)).astype("<f4") for _ in range(2)]
    features = random.normal(size=(splits, 4)).astype("<f4")
    stages = [{"name": "little", "feature_width": 4}, {"name": "big", "feature_width": 0}]
    header = json.dumps({"key": "made here", "count": splits, "classes": classes, "stages": stages}).encode()
    content = b"TRIAGEST" + struct.pack("<IQ", 1, len(header)) + header
    content += indices.tobytes() + labels.tobytes() + logits[0].tobytes() + features.tobytes() + logits[1].tobytes()
    file.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    return indices, labels, logits, features


def seal(file, fields):
    file.write_text(json.dumps(fields | {"checksum": tiny_plan.checksum(fields)}))


class Runs(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.run_directory = Path(made.name)

    def test_nothing(self):
        with self.assertRaisesRegex(FileNotFoundError, "expected the directory of a run, found none of results.json"):
            triage.read_run(self.run_directory)

    def test_a_plan_of_the_zoo(self):
        run = triage.read_run(ZOO / "cifar10-pair")
        plan = json.loads((ZOO / "cifar10-pair" / "plan.json").read_text())
        self.assertEqual(run.plan["classes"], plan["classes"])
        self.assertEqual([s["exit"]["threshold"] for s in run.plan["stages"]], [s["exit"]["threshold"] for s in plan["stages"]])
        entries = json.loads((ZOO / "cifar10-pair" / "costs.json").read_text())["entries"]
        with warnings.catch_warnings(action="ignore"):  # of before there were checksums
            costs = run.costs
        self.assertEqual(list(costs["stage"]), [entry["stage"] for entry in entries])
        np.testing.assert_array_equal(costs["latency_us_median"], [entry["latency_us"]["median"] for entry in entries])
        self.assertEqual(costs["threads"].dtype.kind, "i")
        self.assertEqual((run.results, run.curves, run.training, run.front, dict(run.scores)), (None, {}, {}, {}, {}))

    def test_training(self):
        rows = [
            {"stage": "little", "epoch": 1, "step": 10, "loss": 1.5},
            {"note": "somebody else's"},
            {"stage": "big", "epoch": 1, "step": 12, "loss": 0.5, "validation_accuracy": 0.75},
            {"stage": "little", "epoch": 2, "step": 20, "loss": 1.25, "validation_accuracy": 0.5},
        ]
        (self.run_directory / "metrics.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        training = triage.read_run(self.run_directory).training
        self.assertEqual(list(training), ["little", "big"])
        np.testing.assert_array_equal(training["little"]["epoch"], [1, 2])
        np.testing.assert_array_equal(training["little"]["loss"], [1.5, 1.25])
        np.testing.assert_array_equal(training["little"]["validation_accuracy"], [np.nan, 0.5])

    def test_front(self):
        points = [{"genome": "8@1", "accuracy": 0.5, "mean_latency_us": 10, "mean_energy_uj": None, "thresholds": [], "reach": [1]}]
        points.append(points[0] | {"genome": "8@1 > 9", "thresholds": [0.25], "reach": [1, 0.5]})
        fields = {"version": 1, "identity": {}, "axis": "latency", "points": points, "infeasible": [], "singles": points[:1]}
        seal(self.run_directory / "front.json", fields)
        front = triage.read_run(self.run_directory).front
        np.testing.assert_array_equal(front["points"]["mean_latency_us"], [10, 10])
        self.assertTrue(np.isnan(front["points"]["mean_energy_uj"]).all())
        self.assertEqual(list(front["points"]["thresholds"]), [[], [0.25]])
        self.assertEqual(list(front["singles"]["genome"]), ["8@1"])
        self.assertEqual(front["infeasible"], {})
        (self.run_directory / "front.json").write_text((self.run_directory / "front.json").read_text().replace('"accuracy": 0.5', '"accuracy": 0.75', 1))
        with self.assertRaisesRegex(triage.DamagedError, "front.json.*checksum"):
            triage.read_run(self.run_directory).front

    def test_scores(self):
        (self.run_directory / "scores").mkdir()
        (self.run_directory / "metrics.jsonl").touch()
        indices, labels, logits, features = write_scores(self.run_directory / "scores" / "test.bin")
        write_scores(self.run_directory / "scores" / "route.bin", splits=2)
        scores = triage.read_run(self.run_directory).scores
        self.assertEqual((list(scores), len(scores)), (["route", "test"], 2))
        test = scores["test"]
        np.testing.assert_array_equal(test.indices, indices)
        np.testing.assert_array_equal(test.labels, labels)
        np.testing.assert_array_equal(test.logits["little"], logits[0])
        np.testing.assert_array_equal(test.logits["big"], logits[1])
        np.testing.assert_array_equal(test.features["little"], features)
        self.assertEqual((test.features["big"].shape, test.key), ((5, 0), "made here"))
        test.logits["big"][0] = 0  # ours to change
        with self.assertRaises(KeyError):
            scores["validation"]

    def test_damaged_scores(self):
        (self.run_directory / "scores").mkdir()
        (self.run_directory / "metrics.jsonl").touch()
        file = self.run_directory / "scores" / "test.bin"
        write_scores(file)
        content = bytearray(file.read_bytes())
        content[-70] ^= 1
        file.write_bytes(content)
        with self.assertRaisesRegex(triage.DamagedError, "test.bin: damaged score table: expected SHA-256"):
            triage.read_run(self.run_directory).scores["test"]


class WholeRun(unittest.TestCase):
    """Of a run that the program made: run_test.py RUN."""

    directory = None

    def setUp(self):
        if self.directory is None:
            self.skipTest("no run was given")
        self.run_read = triage.read_run(self.directory)

    def file(self, name):
        return {key: value for key, value in json.loads((self.directory / name).read_text()).items() if key != "checksum"}

    def test_results(self):
        results = self.file("results.json")
        self.assertEqual(self.run_read.results, results)
        policies = results["test"]["policies"]
        self.assertEqual(list(self.run_read.curves), list(policies))
        self.assertIn("confidence", policies)
        for name, curve in self.run_read.curves.items():
            for field in ("accuracy", "latency_us", "escalation"):
                np.testing.assert_array_equal(curve[field], [point[field] for point in policies[name]["curve"]])
            self.assertEqual(curve["thresholds"].shape, (len(curve["accuracy"]), len(results["plan"]["stages"]) - 1))

    def test_scores_agree_with_the_results(self):
        results, scores = self.run_read.results, self.run_read.scores["test"]
        self.assertEqual(len(scores.labels), results["test"]["count"])
        for net in results["test"]["static"]:
            right = scores.logits[net["stage"]].argmax(axis=1) == scores.labels
            self.assertAlmostEqual(right.mean(), net["accuracy"], places=9)

    def test_plan_and_training(self):
        stages = [stage["name"] for stage in self.run_read.plan["stages"]]
        self.assertEqual(stages, [stage["name"] for stage in self.file("plan/plan.json")["stages"]])
        self.assertEqual(set(self.run_read.training), set(stages))
        for columns in self.run_read.training.values():
            self.assertTrue((np.diff(columns["epoch"]) > 0).all())
            self.assertTrue(np.isfinite(columns["loss"]).all())
        self.assertEqual(set(self.run_read.costs["stage"]) - {"plan"}, set(stages))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        WholeRun.directory = Path(sys.argv.pop())
    unittest.main()
