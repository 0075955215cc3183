#!/usr/bin/python3
"""An independent client of a plan's ONNX files: Python's onnx, onnxruntime and numpy, nothing of this program.

usage: onnx_client_test.py PLAN [PLAN_ONNX]

Checks every stage file of the plan directory (ONNX checker, names, types), runs them on seeded random images, computes
the escalation score and the routing again in numpy from plan.json, and compares: the files' "score" outputs, and the
logits and exit index of the composed model (PLAN_ONNX, or PLAN/plan.onnx), to 1e-4.
Exit code 0: equal, 1: not, 77: skipped, a package is not installed.
"""
import json
import os
import sys

try:
    import numpy as np
    import onnx
    import onnx.defs

    for schema in onnx.defs.get_all_schemas_with_history():  # Debian's onnxruntime shares libonnx and registers each
        onnx.defs.deregister_schema(schema.name, schema.since_version, schema.domain)  # again; twice is an error line
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}; install python3-numpy, python3-onnx and python3-onnxruntime")
    sys.exit(77)

TOLERANCE = 1e-4
BORDER = 1e-5  # a score this near to its threshold may fall on either side
IMAGES = 64
failures = []


def expect(ok, message):
    if not ok:
        failures.append(message)
        print("FAILED", message)


def compare(found, expected, what):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    expect(found.shape == expected.shape, f"{what}: found shape {found.shape}, expected {expected.shape}")
    if found.shape != expected.shape:
        return
    outside = ~(np.abs(found - expected) <= TOLERANCE + TOLERANCE * np.abs(expected))
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        expect(False, f"{what}: {outside.sum()} of {outside.size} values differ, first at {place}: "
                      f"found {found[place]}, expected {expected[place]}")


def open_session(path):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def outputs_of(session, image):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: image})))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def probabilities(stage_exit, logits):
    return softmax(logits.astype(np.float64) / stage_exit["temperature"])


def escalation_score(policy, stage_exit, p, features):
    """plan.json's exit, probabilities [n, classes], features [n, width] or None -> [n]; all in double precision."""
    confidence = p.max(axis=1)
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1) / np.log(p.shape[1])
    top = np.sort(p, axis=1)
    margin = top[:, -1] - top[:, -2]
    if policy in ("confidence", "agreement"):
        return 1 - confidence
    if policy == "entropy":
        return entropy
    if policy == "margin":
        return 1 - margin
    router = stage_exit["router"]
    width, hidden = router["feature_width"], router["hidden"]
    parts = ([features.astype(np.float64)] if width else []) + [np.stack([confidence, entropy, margin], axis=1)]
    x = (np.concatenate(parts, axis=1) - router["mean"]) * np.asarray(router["scale"])
    h = np.maximum(x @ np.asarray(router["weight1"]).reshape(hidden, width + 3).T + router["bias1"], 0)
    z = h @ np.asarray(router["weight2"]) + router["bias2"] + router["skip"] * x[:, width]
    return 1 / (1 + np.exp(-z))


def plan_answer(policy, stage_exit, answers, own_score):
    """probabilities [n, classes] of the stages so far -> those that the exit answers from, and its score in the plan."""
    weights = stage_exit.get("answer_weights")
    p = sum(w * a for w, a in zip(weights, answers)) if weights else answers[-1]
    if policy == "agreement" and len(answers) > 1:
        label = p.argmax(axis=1)[:, None]
        return p, np.mean([a.max(axis=1) - np.take_along_axis(a, label, axis=1)[:, 0] for a in answers], axis=0)
    return p, own_score if policy == "learned" else escalation_score(policy, stage_exit, p, None)


def random_images(shape, seed):
    """Half noise, half coarse blocks of colour: [IMAGES, C, H, W] float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    c, h, w = shape
    noise = rng.random((IMAGES // 2, c, h, w))
    coarse = rng.random((IMAGES - IMAGES // 2, c, 4, 4)).repeat(-(-h // 4), axis=2).repeat(-(-w // 4), axis=3)
    return np.concatenate([noise, coarse[:, :, :h, :w]]).astype(np.float32)


def check_stages(directory, plan, images):
    """Runs every stage on every image; returns what the plan's exits give: logits [stages][n, classes] and scores
    [stages - 1][n]."""
    carries, logits, scores, answers = [], [], [], []
    for index, stage in enumerate(plan["stages"]):
        what = f"stage {stage['name']}"
        session = open_session(os.path.join(directory, stage["onnx"]))
        name = session.get_inputs()[0].name
        expect(name == ("image" if stage["input"] == "image" else "carry_in"), f"{what}: found an input '{name}'")
        found = outputs_of(session, images if name == "image" else carries[stage["source"]])
        carries.append(found.get("carry"))
        logits.append(found["logits"])
        expect(found["logits"].shape == (len(images), len(plan["classes"])), f"{what}: logits of {found['logits'].shape}")
        alone = outputs_of(session, (images if name == "image" else carries[stage["source"]])[:1])
        compare(alone["logits"], found["logits"][:1], f"{what}: batch 1 against batch {len(images)}")
        last = index + 1 == len(plan["stages"])
        answers.append(probabilities(stage["exit"], found["logits"]))
        own_score = None if last else escalation_score(plan["policy"], stage["exit"], answers[-1], found.get("features"))
        mean, score = plan_answer("confidence" if last else plan["policy"], stage["exit"], answers, own_score)
        if "answer_weights" in stage["exit"]:
            logits[-1] = np.log(np.maximum(mean, 1e-38)) * stage["exit"]["temperature"]
        if last:
            break
        if stage["feature_width"]:
            expect("features" in found and found["features"].shape[1] == stage["feature_width"],
                   f"{what}: expected {stage['feature_width']} features")
        scores.append(score)
        if "score" in found:  # of the stage's own answer
            compare(found["score"], own_score, f"{what}: score")
        else:
            expect(False, f"{what}: no output 'score'")
    return logits, scores


def check_plan(path, plan, images, logits, scores):
    session = open_session(path)
    thresholds = [stage["exit"]["threshold"] for stage in plan["stages"][:-1]]
    left, border = [0] * len(plan["stages"]), 0
    for i in range(len(images)):
        expected = 0
        near = False
        while expected < len(thresholds):
            near = near or abs(scores[expected][i] - thresholds[expected]) < BORDER
            if not scores[expected][i] > thresholds[expected]:
                break
            expected += 1
        found = outputs_of(session, images[i:i + 1])
        exit_index = int(found["exit"][0])
        left[exit_index] += 1
        border += near
        expect(exit_index == expected or near, f"plan: image {i}: found exit {exit_index}, expected {expected}")
        compare(found["logits"], logits[exit_index][i:i + 1], f"plan: image {i}: logits")
    return left, border


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__)
        return 2
    directory = sys.argv[1]
    composed = sys.argv[2] if len(sys.argv) == 3 else os.path.join(directory, "plan.onnx")
    with open(os.path.join(directory, "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    shape = plan["input"]["channels"], plan["input"]["height"], plan["input"]["width"]
    images = random_images(shape, seed=1)
    logits, scores = check_stages(directory, plan, images)
    left, border = check_plan(composed, plan, images, logits, scores)
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}: {len(plan['stages'])} stages, policy "
          f"{plan['policy']}, {len(images)} images, left at each exit: {left}, on a threshold's border: {border}, "
          f"failures: {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
