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

from plan_in_numpy import BORDER, escalation_score, given_logits, np, onnx, onnxruntime, plan_answer, probabilities

TOLERANCE = 1e-4
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
        logits[-1] = given_logits(stage["exit"], logits[-1], mean)
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
