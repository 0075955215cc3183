#!/usr/bin/python3
"""What a call from Python adds to the C++ call: both classify one image with a plan of two tiny stages, in turns, in two processes.

usage: bench/python_bench.py [--record results/serving.json]   after cmake --build --preset release --target python_bench
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "release"
sys.path[:0] = [str(BUILD / "bindings" / "python"), str(ROOT / "bindings" / "python" / "tests")]

import numpy as np
import tiny_plan

import triage

ROUNDS, CALLS = 60, 2000  # each side of a round takes about 10 ms


def python_us(classifier, image):
    classify = classifier.classify
    start = time.perf_counter()
    for _ in range(CALLS):
        classify(image)
    return (time.perf_counter() - start) / CALLS * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", help="results/TOPIC.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        plan = tiny_plan.write_plan(Path(work) / "plan", height=32, width=32)
        classifier, image = triage.Classifier(plan), np.zeros((32, 32, 3), np.uint8)
        with subprocess.Popen([BUILD / "bench" / "classify_timer", plan], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as timer:

            def cpp_us():
                timer.stdin.write(f"{CALLS}\n")
                return float(timer.stdout.readline())

            python_us(classifier, image), cpp_us()  # warm
            rounds = [(python_us(classifier, image), cpp_us()) for _ in range(ROUNDS)]
            timer.stdin.close()
    added = statistics.median(python - cpp for python, cpp in rounds)
    spread = statistics.quantiles((python - cpp for python, cpp in rounds), n=20)
    print(f"classify: Python {statistics.median(p for p, _ in rounds):.2f} us, C++ {statistics.median(c for _, c in rounds):.2f} us")
    print(f"added: {added:.2f} us (5 % to 95 % of {ROUNDS} rounds: {spread[0]:.2f} to {spread[-1]:.2f})")
    if options.record:
        subprocess.run([BUILD / "bench" / "record_figures", options.record, "bench/python_bench.py", "python.added_us", str(added), "us"], check=True)


if __name__ == "__main__":
    main()
