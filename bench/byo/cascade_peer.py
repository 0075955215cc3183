#!/usr/bin/env python3
"""The cascade of a plan directory as one writes it in Python: onnxruntime, Pillow and numpy, one thread, one image at a time.

    cascade_peer.py PLAN NETS ROUNDS FILE...

NETS: the folder of the ONNX files that the plan was made from, with logits or probabilities as their only output.

Prints JSON: of each round the mean microseconds of an image from decoded pixels to the answer, and of that what is spent
outside the networks; labels and exits of the images.
"""
import json
import pathlib
import sys
import time

import numpy
import onnxruntime
from PIL import Image

FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX}


class Stage:
    def __init__(self, nets, stage):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(nets / f"{stage['name']}.onnx", options, ["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.preprocess = stage["preprocess"]
        self.key = json.dumps(self.preprocess)  # stages that share it prepare an image once
        self.mean = numpy.array(self.preprocess["mean"], numpy.float32)
        self.stddev = numpy.array(self.preprocess["stddev"], numpy.float32)
        height, width = self.preprocess["height"], self.preprocess["width"]
        noise = self.prepare(Image.effect_noise((width, height), 64).convert("RGB"))
        answer = self.session.run(None, {self.input: noise})[0]
        self.probabilities = bool(answer.min() >= 0 and abs(answer.sum() - 1) < 1e-3)
        exit = stage["exit"]
        self.temperature, self.threshold = exit["temperature"], exit["threshold"]
        self.weights = exit.get("answer_weights")
        self.router = exit.get("router")

    def prepare(self, image):
        spec = self.preprocess
        resize = spec["resize"]
        if resize["mode"] != "none":
            width, height = resize.get("width", 0), resize["height"]
            if resize["mode"] == "shorter":
                side, (width, height) = height, image.size
                width, height = (side, side * height // width) if width < height else (side * width // height, side)
            if (width, height) != image.size:
                image = image.resize((width, height), FILTERS[resize["interpolation"]])
        left, top = (image.width - spec["width"]) // 2, (image.height - spec["height"]) // 2
        if left or top:
            image = image.crop((left, top, left + spec["width"], top + spec["height"]))
        pixels = numpy.asarray(image)
        if spec["order"] == "bgr":
            pixels = pixels[:, :, ::-1]
        values = (pixels.astype(numpy.float32) * numpy.float32(spec["scale"]) - self.mean) / self.stddev
        if spec["layout"] == "nchw":
            values = values.transpose(2, 0, 1)
        return numpy.ascontiguousarray(values)[None]


def softmax(logits):
    shifted = numpy.exp(logits - logits.max())
    return shifted / shifted.sum()


def evidence(answer):
    ordered = numpy.sort(answer)
    entropy = -(answer * numpy.log(numpy.maximum(answer, 1e-30))).sum() / numpy.log(len(answer))
    return numpy.array([ordered[-1], entropy, ordered[-1] - ordered[-2]])


def score_of(policy, stage, answer, probabilities, label):
    if policy == "agreement" and len(probabilities) > 1:
        return float(numpy.mean([one.max() - one[label] for one in probabilities]))
    if policy == "learned":  # sees its own stage's evidence; of nets without features
        seen = (evidence(probabilities[-1]) - stage.router["mean"]) * stage.router["scale"]
        hidden = numpy.maximum(numpy.reshape(stage.router["weight1"], (-1, 3)) @ seen + stage.router["bias1"], 0)
        logit = hidden @ stage.router["weight2"] + stage.router["bias2"] + stage.router["skip"] * seen[0]
        return float(1 / (1 + numpy.exp(-logit)))
    confidence, entropy, margin = evidence(answer)
    return float({"entropy": entropy, "margin": 1 - margin}.get(policy, 1 - confidence))


def classify(stages, policy, image):
    """Label, exit, seconds inside the networks."""
    inside, prepared, probabilities = 0.0, {}, []
    for index, stage in enumerate(stages):
        if stage.key not in prepared:
            prepared[stage.key] = stage.prepare(image)
        start = time.perf_counter()
        logits = stage.session.run(None, {stage.input: prepared[stage.key]})[0][0]
        inside += time.perf_counter() - start
        if stage.probabilities:
            logits = numpy.log(numpy.maximum(logits, 1e-30))
        probabilities.append(softmax(logits / stage.temperature))
        answer = probabilities[-1]
        if stage.weights:
            answer = numpy.average(probabilities, axis=0, weights=stage.weights)
        label = int(answer.argmax())
        last = index + 1 == len(stages)
        if last or score_of(policy, stage, answer, probabilities, label) <= stage.threshold:
            return label, index, inside


def main():
    plan = json.loads((pathlib.Path(sys.argv[1]) / "plan.json").read_text())
    stages = [Stage(pathlib.Path(sys.argv[2]), stage) for stage in plan["stages"]]
    rounds, files = int(sys.argv[3]), sys.argv[4:]
    images = [Image.open(file).convert("RGB") for file in files]
    total, outside = [], []
    for _ in range(rounds + 1):  # the first one warms up
        spent = inside = 0.0
        answers = []
        for image in images:
            start = time.perf_counter()
            label, exit, networks = classify(stages, plan["policy"], image)
            spent += time.perf_counter() - start
            inside += networks
            answers.append((label, exit))
        total.append(1e6 * spent / len(images))
        outside.append(1e6 * (spent - inside) / len(images))
    print(json.dumps({"us": total[1:], "outside_us": outside[1:], "labels": [label for label, _ in answers],
                      "exits": [exit for _, exit in answers]}))


if __name__ == "__main__":
    main()
