#!/usr/bin/env python3
"""Holds JSON files against docs/schema/NAME.schema.json (draft 2020-12): what the schemas ask for, and no field that they
do not describe.
usage: check_schema.py SCHEMA_DIR NAME FILE...     NAME: plan, results, costs, front, curve
       check_schema.py SCHEMA_DIR --self           the schemas themselves
Exit code 1: a file does not fit; 77: python3-jsonschema is not there."""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("check_schema: python3-jsonschema is not installed", file=sys.stderr)
    sys.exit(77)

NAMES = ("plan", "results", "costs", "front", "curve")


def load(directory, name):
    with open(f"{directory}/{name}.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    return schema


def undescribed(schema, strict):
    """The schema with every object of known fields closed."""
    if isinstance(schema, list):
        return [undescribed(item, strict) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: undescribed(value, strict and key != "if") for key, value in schema.items()}
    if strict and "properties" in closed and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def missing_words(schema, place):
    """Fields that no description explains, by where they are."""
    if not isinstance(schema, dict):
        return []
    found = []
    for field, inner in schema.get("properties", {}).items():
        if isinstance(inner, dict) and "description" not in inner and "$ref" not in inner and "items" not in inner:
            found.append(f"{place}.{field}")
    for key, inner in schema.items():
        if key != "if":
            found += missing_words(inner, f"{place}.{key}" if key != "properties" else place)
    return found


def main():
    directory, name, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    if name == "--self":
        bad = [where for each in NAMES for where in missing_words(load(directory, each), each)]
        print("\n".join(f"{where}: has no description" for where in bad))
        return 1 if bad else 0
    validator = Draft202012Validator(undescribed(load(directory, name), True))
    code = 0
    for path in files:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        for error in list(validator.iter_errors(value))[:5]:
            print(f"{path}: {error.json_path}: {error.message[:200]}")
            code = 1
    return code


sys.exit(main())
