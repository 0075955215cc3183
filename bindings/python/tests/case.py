"""What the tests of triage.Classifier stand on: plans whose answers are computed in numpy."""

import io
import tempfile
import unittest
from pathlib import Path

import tiny_plan
from PIL import Image

import triage

ROOT = Path(__file__).resolve().parents[3]
ZOO = ROOT / "zoo" / "cifar10-pair"
PHOTOGRAPH = ROOT / "tests" / "fixtures" / "images" / "rgb.png"


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        cls.work = Path(cls.made.name)
        cls.plan = tiny_plan.write_plan(cls.work / "plan")
        cls.any_size = tiny_plan.write_plan(cls.work / "any", any_size=True)
        cls.classifier = triage.Classifier(cls.plan)
        cls.images = tiny_plan.images(70)

    def check(self, outcome, image, threshold=tiny_plan.THRESHOLD):
        label, probability, exit, score = tiny_plan.answer(image, threshold)
        self.assertEqual((outcome.label, outcome.exit), (label, exit))
        self.assertAlmostEqual(outcome.probability, probability, places=5)
        self.assertAlmostEqual(outcome.score, score, places=5)
        self.assertEqual(outcome.class_name, tiny_plan.CLASSES[label])
        self.assertGreater(outcome.microseconds, 0)
