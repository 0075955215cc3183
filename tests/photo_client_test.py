#!/usr/bin/python3
"""An independent client of a plan's one ONNX file that takes pixels: Python's onnxruntime, numpy and Pillow, nothing of
this program.

usage: photo_client_test.py PLAN PLAN_ONNX

Decoded images of several sizes go into PLAN_ONNX as uint8 [H, W, 3]. Beside it every stage file of the plan directory is
run alone, behind the preprocessing of plan.json done by Pillow and numpy, and the exits are computed again in numpy.
Compared: the exit, and its logits to 1e-3.
Exit code 0: equal, 1: not, 77: skipped, a package is not installed.
"""
import io
import json
import os
import sys

from plan_in_numpy import BORDER, escalation_score, given_logits, np, onnxruntime, plan_answer, probabilities, skip

try:
    from PIL import Image
except ImportError as error:
    skip(error)

TOLERANCE = 1e-3
IMAGES = 48
FILTERS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC, "area": Image.Resampling.BOX}


def photographs(size):
    """JPEG and PNG files as Pillow writes them, decoded again: of the network's size and of others."""
    rng = np.random.default_rng(1)
    for i in range(IMAGES):
        height, width = size if i % 3 == 0 else (int(rng.integers(20, 120)), int(rng.integers(20, 120)))
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize((width, height))
        file = io.BytesIO()
        coarse.save(file, "JPEG" if i % 2 else "PNG")
        yield np.asarray(Image.open(file).convert("RGB"))


def centre(image, height, width):
    """torchvision's CenterCrop: black around what is smaller."""
    def half(cut):
        return cut // 2 + (cut % 2) * (cut // 2 % 2)
    rows, columns = image.shape[:2]
    y, x = half(max(rows - height, 0)), half(max(columns - width, 0))
    image = image[y:y + height, x:x + width]
    top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    return np.pad(image, ((top, height - image.shape[0] - top), (left, width - image.shape[1] - left), (0, 0)))


def preprocessed(image, spec):
    picture = Image.fromarray(image)
    resize = spec["resize"]
    if resize["mode"] != "none":
        assert resize["resampler"] == "pillow", "this client knows Pillow alone"
        rows, columns = resize["height"], resize.get("width")
        if resize["mode"] == "shorter":
            longer = resize["height"] * max(image.shape[:2]) // min(image.shape[:2])
            rows, columns = (rows, longer) if image.shape[0] <= image.shape[1] else (longer, rows)
        if (rows, columns) != image.shape[:2]:
            picture = picture.resize((columns, rows), FILTERS[resize["interpolation"]])
    pixels = centre(np.asarray(picture), spec["height"], spec["width"]).astype(np.float64)
    if spec["order"] == "bgr":
        pixels = pixels[:, :, ::-1]
    values = (pixels * spec["scale"] - np.asarray(spec["mean"])) / np.asarray(spec["stddev"])
    return (values.transpose(2, 0, 1) if spec["layout"] == "nchw" else values)[None].astype(np.float32)


def open_session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def expected(plan, sessions, image):
    """-> exit, logits, whether a score was on the border of its threshold."""
    answers, near = [], False
    for index, (stage, session) in enumerate(zip(plan["stages"], sessions)):
        inputs = preprocessed(image, stage["preprocess"])
        batch = session.get_inputs()[0].shape[0]
        if isinstance(batch, int):
            inputs = np.concatenate([inputs, np.zeros((batch - 1, *inputs.shape[1:]), np.float32)])
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, (value[:1] for value in session.run(names, {"image": inputs}))))
        exit, last = stage["exit"], index + 1 == len(sessions)
        answers.append(probabilities(exit, found["logits"]))
        policy = "confidence" if last else plan["policy"]
        own_score = escalation_score(policy, exit, answers[-1], found.get("features"))
        mean, value = plan_answer(policy, exit, answers, own_score)
        logits = given_logits(exit, found["logits"].astype(np.float64), mean)[0]
        if last:
            break
        near = near or abs(value[0] - exit["threshold"]) < BORDER
        if not value[0] > exit["threshold"]:
            break
    return index, logits, near


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    directory, composed = sys.argv[1:]
    with open(os.path.join(directory, "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    session = open_session(composed)
    image_input = session.get_inputs()[0]
    failures = []
    if (image_input.name, image_input.type, len(image_input.shape)) != ("image", "tensor(uint8)", 3):
        failures.append(f"found the input {image_input.name} {image_input.type} {image_input.shape}")
    sessions = [open_session(os.path.join(directory, stage["onnx"])) for stage in plan["stages"]]
    first = plan["stages"][0]["preprocess"]
    left, border = [0] * len(sessions), 0
    for i, image in enumerate(photographs((first["height"], first["width"]))):
        found_logits, found_exit = session.run(["logits", "exit"], {"image": image})
        index, logits, near = expected(plan, sessions, image)
        left[int(found_exit[0])] += 1
        border += near
        if int(found_exit[0]) != index:
            if not near:
                failures.append(f"image {i}, {image.shape}: found exit {found_exit[0]}, expected {index}")
        elif not np.allclose(found_logits[0], logits, TOLERANCE, TOLERANCE):
            failures.append(f"image {i}, {image.shape}: found logits {found_logits[0]}, expected {logits}")
    for failure in failures:
        print("FAILED", failure)
    print(f"onnxruntime {onnxruntime.__version__}: {len(sessions)} stages, policy {plan['policy']}, {IMAGES} images, left at "
          f"each exit: {left}, on a threshold's border: {border}, failures: {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
