#!/usr/bin/env python3
"""Classifies image files with a plan. usage: classify.py PLAN IMAGE..."""

import sys

import triage

classifier = triage.Classifier(sys.argv[1])
for file, outcome in zip(sys.argv[2:], classifier.classify(sys.argv[2:])):
    stage = classifier.info.stages[outcome.exit]
    print(f"{file}: {outcome.class_name} {outcome.probability:.3f}, exit {stage}, {outcome.microseconds:.0f} us")
