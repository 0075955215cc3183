"""triage.Classifier: what it takes, answers and refuses."""

import os
import pickle
import threading
import unittest

import numpy as np
import tiny_plan
from case import PHOTOGRAPH, ZOO, Case, png
from PIL import Image

import triage


class Inputs(Case):
    def test_one_image(self):
        for image in self.images:
            self.check(self.classifier.classify(image), image)

    def test_images_leave_at_both_exits(self):
        exits = self.classifier.classify(self.images).exit
        self.assertTrue(0.3 < exits.mean() < 0.7, exits)

    def test_a_stack(self):
        outcomes = self.classifier.classify(self.images)
        self.assertEqual(len(outcomes), len(self.images))
        for outcome, image in zip(outcomes, self.images):
            self.check(outcome, image)
        for name, dtype in {"label": np.int32, "probability": np.float32, "exit": np.int32, "score": np.float32, "microseconds": np.float64}.items():
            column = getattr(outcomes, name)
            self.assertEqual((column.dtype, column.shape), (dtype, (len(self.images),)))
            self.assertTrue(column.flags.c_contiguous)
            np.testing.assert_array_equal(column, [getattr(outcome, name) for outcome in outcomes])
        self.assertEqual(outcomes.class_names, [outcome.class_name for outcome in outcomes])
        self.assertEqual(outcomes[-1].label, outcomes.label[-1])
        with self.assertRaises(IndexError):
            outcomes[len(self.images)]

    def test_no_images(self):
        for nothing in (self.images[:0], [], ()):
            outcomes = self.classifier.classify(nothing)
            self.assertEqual((len(outcomes), outcomes.label.shape, outcomes.class_names), (0, (0,), []))

    def test_lists(self):
        for outcome, image in zip(self.classifier.classify(list(self.images)), self.images):
            self.check(outcome, image)
        files = [png(image) for image in self.images]
        for outcome, image in zip(self.classifier.classify(tuple(files)), self.images):
            self.check(outcome, image)

    def test_any_memory(self):
        image = self.images[1]
        image.flags.writeable = False
        wide = np.zeros((4, 8, 3), np.uint8)
        wide[:, ::2] = image
        for same in (image, memoryview(image), np.asfortranarray(image), wide[:, ::2], image[::-1, ::-1][::-1, ::-1]):
            self.check(self.classifier.classify(same), image)
        self.check(self.classifier.classify(image[:, :, ::-1]), image[:, :, ::-1])

    def test_arrays_of_others(self):
        class Tensor:
            def __init__(self, values):
                self.values = values

            def __array__(self, dtype=None, copy=None):
                return self.values

        self.check(self.classifier.classify(Tensor(self.images[0])), self.images[0])
        self.assertEqual(len(self.classifier.classify(Tensor(self.images))), len(self.images))

    def test_files(self):
        image = self.images[3]
        file = self.work / "caf\udce9.png"  # a name that is no UTF-8
        file.write_bytes(png(image))
        for same in (file, str(file), os.fsencode(file).decode("utf-8", "surrogateescape"), png(image), bytearray(png(image)), np.frombuffer(png(image), np.uint8)):
            self.check(self.classifier.classify(same), image)
        for outcome in self.classifier.classify([file, png(image), str(file)]):
            self.check(outcome, image)

    def test_pillow(self):
        image = self.images[4]
        picture = Image.fromarray(image)
        self.check(self.classifier.classify(picture), image)
        large = Image.fromarray(self.images[5].repeat(3, axis=0).repeat(3, axis=1))
        self.check(self.classifier.classify(large), self.images[5])  # the average over 3 x 3 equal pixels
        grey = np.full((4, 4), 200, np.uint8)
        self.check(self.classifier.classify(Image.fromarray(grey)), grey[:, :, None].repeat(3, axis=2))
        clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
        self.check(self.classifier.classify(clear), np.full((4, 4, 3), 255, np.uint8))
        for outcome in self.classifier.classify([picture, image, picture]):
            self.check(outcome, image)

    def test_any_size(self):
        classifier = triage.Classifier(self.any_size)
        self.assertEqual((classifier.info.height, classifier.info.width), (0, 0))
        small = self.images[:2]
        mixed = [small[0], small[1].repeat(2, axis=0), Image.fromarray(small[0].repeat(5, axis=1))]
        for outcome, image in zip(classifier.classify(mixed), [small[0], small[1], small[0]]):
            self.check(outcome, image)

    def test_one_channel(self):
        plan = tiny_plan.write_plan(self.work / "grey", channels=1)
        classifier = triage.Classifier(plan)
        grey = np.full((4, 4), 255, np.uint8)
        for same in (grey, grey[:, :, None], grey[None, :, :, None], Image.fromarray(grey), Image.new("RGB", (9, 9), "white")):
            outcome = classifier.classify(same)
            self.assertEqual((outcome[0] if isinstance(outcome, triage.Outcomes) else outcome).class_name, "red")

    def test_a_photograph_as_the_program_reads_it(self):
        classifier = triage.Classifier(str(ZOO))
        self.assertEqual(classifier.info.classes[3], "cat")
        outcome, picture = classifier.classify(PHOTOGRAPH), classifier.classify(Image.open(PHOTOGRAPH))
        self.assertEqual((picture.label, picture.exit, picture.score), (outcome.label, outcome.exit, outcome.score))


class Details(Case):
    def test_none_without_asking(self):
        for outcome in (self.classifier.classify(self.images[0]), self.classifier.classify(self.images)):
            for name in ("logits", "probabilities", "top_labels", "top_probabilities"):
                self.assertIsNone(getattr(outcome, name))

    def test_of_several(self):
        files = [png(image) for image in self.images]
        for images in (self.images, list(self.images), files):
            outcomes = self.classifier.classify(images, logits=True, probabilities=True, top=2)
            logits = np.array([tiny_plan.logits(image)[exit] for image, exit in zip(self.images, outcomes.exit)])
            probabilities = np.array([tiny_plan.probabilities(row) for row in logits])
            np.testing.assert_allclose(outcomes.logits, logits, rtol=1e-5)
            np.testing.assert_allclose(outcomes.probabilities, probabilities, atol=1e-5)
            order = np.argsort(-probabilities, axis=1)[:, :2]
            np.testing.assert_array_equal(outcomes.top_labels, order)
            np.testing.assert_allclose(outcomes.top_probabilities, np.take_along_axis(probabilities, order, axis=1), atol=1e-5)
            self.assertEqual((outcomes.logits.dtype, outcomes.top_labels.dtype), (np.float32, np.int32))
            np.testing.assert_array_equal(outcomes[-1].logits, outcomes.logits[-1])
            np.testing.assert_array_equal(outcomes[3].top_labels, outcomes.top_labels[3])

    def test_of_one(self):
        outcome = self.classifier.classify(self.images[1], logits=True, top=3)
        self.check(outcome, self.images[1])
        np.testing.assert_allclose(outcome.logits, tiny_plan.logits(self.images[1])[outcome.exit], rtol=1e-5)
        self.assertEqual((outcome.top_labels.shape, outcome.top_labels[0], outcome.probabilities), ((3,), outcome.label, None))

    def test_of_none(self):
        outcomes = self.classifier.classify(self.images[:0], logits=True, top=2)
        self.assertEqual((outcomes.logits.shape, outcomes.top_labels.shape), ((0, 3), (0, 2)))

    def test_more_than_there_are(self):
        with self.assertRaisesRegex(triage.BadInputError, "top: found 4, expected at most 3"):
            self.classifier.classify(self.images, top=4)


class Running(Case):
    def test_thresholds_change(self):
        classifier = triage.Classifier(self.plan)
        self.assertEqual(classifier.thresholds, [tiny_plan.THRESHOLD])
        for threshold in (1, 0.05, -1):
            classifier.thresholds = [threshold]
            self.assertEqual(classifier.thresholds, [threshold])
            for outcome, image in zip(classifier.classify(self.images), self.images):
                self.check(outcome, image, threshold)
        self.assertEqual(pickle.loads(pickle.dumps(classifier)).thresholds, [-1])
        with self.assertRaisesRegex(triage.BadInputError, "thresholds"):
            classifier.thresholds = [0.5, 0.5]
        self.assertEqual(classifier.thresholds, [-1])

    def test_thresholds_change_while_others_classify(self):
        classifier = triage.Classifier(self.plan)
        shares, ended = set(), threading.Event()

        def work():
            while not ended.is_set():
                shares.add(float(classifier.classify(self.images).exit.mean()))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for threshold in [1, -1] * 100:
            classifier.thresholds = [threshold]
            classifier.classify(self.images[0])
        ended.set()
        for thread in threads:
            thread.join()
        own = float(self.classifier.classify(self.images).exit.mean())
        self.assertLessEqual(shares, {0.0, 1.0, own})  # of no call a part

    def test_statistics(self):
        classifier = triage.Classifier(self.plan)
        exits = np.bincount(classifier.classify(self.images).exit, minlength=2)
        classifier.classify(self.images[0])
        exits[0] += 1
        with self.assertRaises(triage.BadInputError):
            classifier.classify(np.zeros((5, 4, 3), np.uint8))
        statistics = classifier.statistics
        self.assertEqual((statistics.calls, statistics.errors, statistics.images), (2, 1, len(self.images) + 1))
        self.assertEqual((statistics.exits, statistics.sent_on), (list(exits), exits[1]))
        self.assertGreater(statistics.microseconds, 0)


class Refused(Case):
    def refused(self, kind, words, call, *arguments, **options):
        with self.assertRaisesRegex(kind, words) as caught:
            call(*arguments, **options)
        return caught.exception

    def test_plans(self):
        error = self.refused(FileNotFoundError, "plan.json: no such file", triage.Classifier, self.work / "nowhere")
        self.assertIsInstance(error, triage.NotFoundError)
        self.assertEqual(error.code, "not_found")
        broken = tiny_plan.write_plan(self.work / "broken")
        (broken / "big.onnx").write_bytes(b"something else")
        error = self.refused(ValueError, "big.onnx: sha256: found", triage.Classifier, broken)
        self.assertIsInstance(error, triage.DamagedError)
        self.refused(triage.UnsupportedError, "", triage.Classifier, self.plan, engine="compiled")
        self.refused(triage.Error, "engine", triage.Classifier, self.plan, engine="steam")
        self.refused(triage.BadInputError, "thresholds", triage.Classifier, self.plan, thresholds=[0.1, 0.2])
        self.refused(TypeError, "", triage.Classifier, 5)

    def test_a_plan_without_a_checksum_is_a_warning(self):
        plan = tiny_plan.write_plan(self.work / "unsealed")
        text = (plan / "plan.json").read_text().split(', "checksum"')[0] + "}"
        (plan / "plan.json").write_text(text)
        with self.assertWarnsRegex(UserWarning, "unsealed/plan.json.*checksum"):
            triage.Classifier(plan)

    def test_images(self):
        classify = self.classifier.classify
        self.refused(triage.BadInputError, "5", classify, np.zeros((5, 4, 3), np.uint8))
        self.refused(TypeError, r"image: found float32 \[4, 4, 3\], expected uint8", classify, np.zeros((4, 4, 3), np.float32))
        self.refused(TypeError, r"image: found int8 \[4, 4, 3\]", classify, np.zeros((4, 4, 3), np.int8))
        self.refused(TypeError, "found uint8 ", classify, np.zeros((1, 1, 4, 4, 3), np.uint8))
        self.refused(TypeError, r"images\[1\]: expected .*, found int", classify, [self.images[0], 7])
        self.refused(TypeError, "all of them pixels or all of them files", classify, [self.images[0], png(self.images[0])])
        self.refused(TypeError, "a list of single images", classify, [self.images])
        self.refused(TypeError, "image: expected .*, found NoneType", classify, None)
        self.refused(TypeError, "mode I;16, expected 8 bits", classify, Image.new("I;16", (4, 4)))
        self.refused(triage.BadInputError, r"images\[1\]", classify, [self.images[0], np.zeros((4, 4, 1), np.uint8)])

    def test_files(self):
        classify = self.classifier.classify
        self.refused(FileNotFoundError, "missing.png", classify, "missing.png")
        cut = self.work / "cut.png"
        cut.write_bytes(png(self.images[0])[:60])
        self.refused(triage.BadInputError, r"images\[1\]: .*cut.png: unreadable PNG", classify, [png(self.images[0]), cut])
        self.refused(triage.BadInputError, "expected an image", classify, b"no image")
        self.refused(triage.UnreadableError, "", classify, self.work)
        small = triage.Classifier(self.plan, max_megapixels=1e-6)
        self.refused(triage.BadInputError, "megapixels", small.classify, png(self.images[0]))

    def test_afterwards_all_is_well(self):
        self.refused(TypeError, "", self.classifier.classify, None)
        self.check(self.classifier.classify(self.images[0]), self.images[0])


if __name__ == "__main__":
    unittest.main()
