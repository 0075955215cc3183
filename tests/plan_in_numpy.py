"""What the exits of a plan answer and how they score, computed from plan.json in numpy: of the independent clients of ONNX
files. Needs numpy, onnx and onnxruntime; where one is not installed, importing this ends the test as skipped (77)."""
import sys


def skip(error):
    print(f"skipped: {error}; install python3-numpy, python3-onnx, python3-onnxruntime and python3-pil")
    sys.exit(77)


try:
    import numpy as np
    import onnx
    import onnx.defs

    for schema in onnx.defs.get_all_schemas_with_history():  # Debian's onnxruntime shares libonnx and registers each
        onnx.defs.deregister_schema(schema.name, schema.since_version, schema.domain)  # again; twice is an error line
    import onnxruntime
except ImportError as error:
    skip(error)

BORDER = 1e-5  # a score this near to its threshold may fall on either side


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


def given_logits(stage_exit, logits, mean):
    """logits [n, classes] of an exit that answers from `mean`: where that is of several stages, mean's, scaled back."""
    if "answer_weights" not in stage_exit:
        return logits
    return np.log(np.maximum(mean, 1e-38)) * stage_exit["temperature"]
