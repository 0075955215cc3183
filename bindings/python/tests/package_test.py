"""What the package says of itself, and what the documentation shows of it."""

import subprocess
import sys
import unittest
from pathlib import Path

import tiny_plan
from case import PHOTOGRAPH, ROOT, ZOO, Case

import triage


class Information(Case):
    def test_info(self):
        info = self.classifier.info
        self.assertEqual((info.name, info.policy, info.engine, info.engine_note, info.fit), ("tiny", "confidence", "onnxruntime", "", "squash"))
        self.assertEqual((info.height, info.width, info.channels), (4, 4, 3))
        self.assertEqual((info.classes, info.stages), (tiny_plan.CLASSES, list(tiny_plan.SCALES)))
        self.assertEqual((info.threads, info.engines), ([1, 1], ["onnxruntime"] * 2))

    def test_texts(self):
        self.assertEqual(repr(self.classifier), "Classifier('tiny': 2 stages, 3 classes, onnxruntime)")
        self.assertRegex(repr(self.classifier.classify(self.images[0])), r"Outcome\(label=1, class_name='green', probability=0\.\d{4}, exit=0")
        self.assertEqual(repr(self.classifier.classify(self.images)), "Outcomes(70 images)")
        self.assertRegex(triage.__version__, r"^\d+\.\d+\.\d+$")
        for name in triage.__all__:
            self.assertTrue(hasattr(triage, name), name)
            if name != "__version__":
                self.assertTrue(getattr(triage, name).__doc__, name)

    def test_types_are_declared(self):
        package = Path(triage.__file__).parent
        self.assertTrue((package / "py.typed").exists())
        stub = (package / "_triage.pyi").read_text()
        compile(stub, "_triage.pyi", "exec")
        for name in ("Classifier", "ClassifierInfo", "ClassifierStatistics", "Outcome", "Outcomes"):
            self.assertIn(f"class {name}:", stub)


class Examples(Case):
    """What the documentation shows works as it is printed."""

    def blocks(self, file):
        text = (ROOT / file).read_text()
        return [block.split("```")[0] for block in text.split("```python\n")[1:]]

    def test_the_first_five_lines(self):
        shown = self.blocks("README.md")
        self.assertEqual(shown, self.blocks("docs/python.md")[:1])
        program = "import numpy\npixels = numpy.zeros((2, 32, 32, 3), numpy.uint8)\n" + shown[0] + "print(*labels)"
        (self.work / "cat.png").write_bytes(PHOTOGRAPH.read_bytes())
        (self.work / "zoo").symlink_to(ROOT / "zoo")
        done = subprocess.run([sys.executable, "-c", program], cwd=self.work, capture_output=True, text=True, timeout=120)
        self.assertRegex(done.stdout, r"^[a-z]+ 0\.\d+ [01] \d+\.\d+\n\d \d\n$", done.stderr)

    def test_the_program(self):
        files = [str(PHOTOGRAPH)] * 2
        done = subprocess.run([sys.executable, ROOT / "examples" / "classify.py", ZOO, *files], capture_output=True, text=True, timeout=120)
        label = triage.Classifier(ZOO).classify(PHOTOGRAPH).class_name
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stderr)
        for line in done.stdout.splitlines():
            self.assertRegex(line, rf"^{PHOTOGRAPH}: {label} 0\.\d{{3}}, exit (little|big), \d+ us$")


if __name__ == "__main__":
    unittest.main()
