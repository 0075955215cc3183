"""Plans so small that every answer can be computed by hand: a stage's logits are the means of the channels, times a number.

The first stage's are 8 times the means of [0, 1], the second one's 80 times; an image goes on while 1 - probability > 0.3.
"""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper

SCALES = {"little": 8.0, "big": 80.0}
CLASSES = ["red", "green", "blue"]
THRESHOLD = 0.3


def _stage(scale, height, width, channels):
    """ONNX: the mean over height and width, times a matrix that keeps three classes."""
    weights = np.zeros((channels, len(CLASSES)), np.float32)
    np.fill_diagonal(weights, scale)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", channels, height, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(CLASSES)])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.flatten())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_plan(directory, height=4, width=4, channels=3, any_size=False):
    """A plan of images of that size; any_size: of any, which its stages bring to that size by the nearest pixel."""
    directory.mkdir(parents=True)
    stages = []
    for name, scale in SCALES.items():
        content = _stage(scale, height, width, channels)
        (directory / f"{name}.onnx").write_bytes(content)
        stage = {
            "name": name,
            "input": "image",
            "onnx": f"{name}.onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "feature_width": 0,
            "macs": 9,
            "parameters": 9,
            "exit": {"temperature": 1, "threshold": THRESHOLD},
        }
        if any_size:
            stage["preprocess"] = {
                "resize": {"mode": "exact", "height": height, "width": width, "interpolation": "nearest", "resampler": "pillow"},
                "height": height,
                "width": width,
                "channels": channels,
                "order": "rgb",
                "layout": "nchw",
                "scale": 1 / 255,
                "mean": [0] * channels,
                "stddev": [1] * channels,
            }
        stages.append(stage)
    size = {"channels": channels, "height": 0 if any_size else height, "width": 0 if any_size else width}
    plan = {"version": 2, "name": "tiny", "input": size, "classes": CLASSES, "policy": "confidence", "stages": stages}
    (directory / "plan.json").write_text(json.dumps(plan | {"checksum": checksum(plan)}))
    return directory


def checksum(fields):
    """Of a JSON file, as docs/formats.md says: SHA-256 of the other fields without spaces, keys sorted. (No floats that are whole.)"""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def logits(image):
    """Of both stages for an image [height, width, 3], in numpy: [2, classes]."""
    means = image.reshape(-1, 3).mean(axis=0) / 255
    return np.array([scale * means for scale in SCALES.values()])


def probabilities(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum()


def answer(image, threshold=THRESHOLD):
    """(label, probability, exit, score), in numpy."""
    little, big = (probabilities(row) for row in logits(image))
    if 1 - little.max() > threshold:
        return int(big.argmax()), big.max(), 1, 0.0
    return int(little.argmax()), little.max(), 0, 1 - little.max()


def images(count, height=4, width=4, seed=1):
    """[count, height, width, 3]: one in two leans to a colour so much that it leaves early."""
    random = np.random.default_rng(seed)
    made = random.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    made[::2, :, :, 1] = 255
    made[::2, :, :, ::2] //= 4
    return made
