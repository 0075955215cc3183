"""triage.Classifier among processes, threads, other packages, and what it keeps in memory."""

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import unittest
import warnings
import weakref
from pathlib import Path

import numpy as np
import tiny_plan
from case import Case, png

import triage


def label_of(classifier, image, queue):
    try:
        queue.put(int(classifier.classify(image).label))
    except triage.Error as error:
        queue.put(error.code)


class Processes(Case):
    def in_child(self, method, classifier):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=label_of, args=(classifier, self.images[1], queue))
        child.start()
        answer = queue.get(timeout=120)
        child.join()
        return answer

    def test_pickles_load_again(self):
        loaded = triage.Classifier(self.plan, "onnxruntime", 1, [0.05], max_megapixels=2)
        for again in (pickle.loads(pickle.dumps(loaded)), copy.copy(loaded), copy.deepcopy(loaded)):
            for image in self.images[:8]:
                self.check(again.classify(image), image, threshold=0.05)
            self.assertEqual(again.info.engine, "onnxruntime")

    def test_a_pickle_of_a_plan_that_is_gone(self):
        gone = tiny_plan.write_plan(self.work / "gone")
        bytes = pickle.dumps(triage.Classifier(gone))
        gone.rename(self.work / "moved")
        with self.assertRaises(triage.NotFoundError):
            pickle.loads(bytes)

    def test_pickles_find_relative_paths_from_elsewhere(self):
        before = os.getcwd()
        try:
            os.chdir(self.plan.parent)
            bytes = pickle.dumps(triage.Classifier(self.plan.name))
        finally:
            os.chdir(before)
        self.check(pickle.loads(bytes).classify(self.images[0]), self.images[0])

    def test_spawned(self):
        self.assertEqual(self.in_child("spawn", self.classifier), tiny_plan.answer(self.images[1])[0])

    def test_forked(self):
        self.classifier.classify(self.images)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python's, where a process has threads
            self.assertEqual(self.in_child("fork", self.classifier), tiny_plan.answer(self.images[1])[0])
            threaded = triage.Classifier(self.plan, engine="onnxruntime", threads=2)
            threaded.classify(self.images)
            self.assertEqual(self.in_child("fork", threaded), "unsupported")
        self.check(threaded.classify(self.images[1]), self.images[1])

    def test_beside_others(self):
        """In one process with packages that hold the same libraries."""
        program = f"import onnxruntime, onnx, triage; print(triage.Classifier({str(self.plan)!r}).classify({png(self.images[1])!r}).label); "
        program += f"onnxruntime.InferenceSession({str(self.plan / 'big.onnx')!r}); onnx.checker.check_model({str(self.plan / 'big.onnx')!r})"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.stdout.strip(), done.returncode), (str(tiny_plan.answer(self.images[1])[0]), 0), done.stderr)
        self.assertNotIn("triage", done.stderr.lower())


class Threads(Case):
    def test_many_at_once(self):
        expected = self.classifier.classify(self.images).label
        found = []

        def work():
            for _ in range(50):
                found.append(self.classifier.classify(self.images).label)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(found), 400)
        for labels in found:
            np.testing.assert_array_equal(labels, expected)

    def test_others_run_meanwhile(self):
        """Where no thread is made to give way, another one runs only if classify() lets it."""
        stack = np.concatenate([self.images] * 400)
        inside, outcomes = [False], []

        def work():
            inside[0] = True
            outcomes.append(self.classifier.classify(stack))
            inside[0] = False

        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1000)
        thread = threading.Thread(target=work)
        thread.start()
        meanwhile = inside[0]
        thread.join()
        self.assertTrue(meanwhile)
        self.assertEqual(len(outcomes[0]), len(stack))


class Memory(Case):
    def test_results_outlive_everything(self):
        classifier = triage.Classifier(self.plan)
        outcomes, info = classifier.classify(self.images), classifier.info
        labels, one = outcomes.label, outcomes[0]
        expected = labels.copy()
        del classifier, outcomes
        gc.collect()
        np.testing.assert_array_equal(labels, expected)
        self.assertEqual(one.class_name, tiny_plan.CLASSES[expected[0]])
        self.assertEqual(info.classes, tiny_plan.CLASSES)

    def test_arrays_are_let_go(self):
        class Watched(np.ndarray):
            pass

        for call in (lambda image: self.classifier.classify(image), lambda image: self.classifier.classify([image, image])):
            image = self.images[0].view(Watched)
            gone = weakref.ref(image)
            call(image)
            del image
            gc.collect()
            self.assertIsNone(gone())

    def test_arrays_are_let_go_after_errors(self):
        image = np.zeros((5, 5, 3), np.uint8)
        before = sys.getrefcount(image)
        for wrong in (image, [image, image], [image, 5]):
            with self.assertRaises((TypeError, ValueError)):
                self.classifier.classify(wrong)
        del wrong
        self.assertEqual(sys.getrefcount(image), before)
        image.resize((1, 5, 5, 3))  # refused by numpy while anybody holds its memory

    def test_nothing_leaks(self):
        """nanobind lists what is alive when the interpreter ends; nothing may be."""
        program = f"""
import numpy, triage
classifier = triage.Classifier({str(self.plan)!r})
classifier.classify(numpy.zeros((3, 4, 4, 3), numpy.uint8))[0]
try:
    classifier.classify(5)
except TypeError:
    kept = classifier
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_memory_does_not_grow(self):
        def resident():
            return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        stack, file = self.images[:8], png(self.images[0])

        def work(rounds):
            for _ in range(rounds):
                self.classifier.classify(stack[0])
                self.classifier.classify(stack)
                self.classifier.classify([file, file])
                with self.assertRaises(TypeError):
                    self.classifier.classify([stack[0], None])

        work(300)
        before = resident()
        work(3000)  # a leak of one outcome of each call would be above a megabyte
        self.assertLess(resident() - before, 1 << 20)


if __name__ == "__main__":
    unittest.main()
