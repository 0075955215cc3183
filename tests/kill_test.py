#!/usr/bin/env python3
"""Kills each command at seeded points of its changes to the file system (kill_at.c) and looks at what is left: every file
of before is as it was, or with all that belong to it the new one; the plans classify; the same command then succeeds and
leaves no temporary files.
usage: kill_test.py TRIAGE SOURCE_DIR [--points N] [--only NAME] [--seed N]
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LEFT_OVER = re.compile(r"\.(.+)\.\d+-\d+\.(tmp|old|new)$")
MOST_SECONDS = 300

SEARCH = """name = "tiny-search"
seed = 3
[search]
supernet = "net"
initial_subnets = 12
max_subnets = 14
batch = 40
population = 40
max_trials = 80
patience = 40
profile_seconds = 0.5
"""


class Command:
    """sets: files that belong together, as patterns; any other file stands for itself. plan: classifies afterwards.
    before: what makes its start, in a copy of the common one. gone: what must not be there when it starts. once: it refuses
    to write again what is there."""

    def __init__(self, name, line, sets=(), plan="run/plan", before=(), gone=(), once=False):
        self.name, self.line, self.sets, self.plan, self.before, self.gone = name, line, sets, plan, before, gone
        self.once = once


PLAN_SET = ["run/plan/*", "run/*.onnx", "run/costs.json", "run/latency.json", "run/router.*", "run/int8.json"]
COMMANDS = [
    Command("build", "build run --policy confidence --remeasure", [PLAN_SET]),
    Command("build-int8", "build run --precision int8", [PLAN_SET]),
    Command("build-refused", "build run --accuracy 99.99% --remeasure", [PLAN_SET]),
    Command("build-old-layout", "build run --policy margin --remeasure", [PLAN_SET], before=["old layout"]),
    Command("run", "run tiny.toml --run run --figures figures.json",
            [PLAN_SET, ["run/*.png", "run/report.html"]]),
    Command("report", "report run", [["run/*.png", "run/report.html"]]),
    Command("eval", "eval run/plan --data tiny.tds --out results.json --scores scores.bin --latency-images 20 "
                    "--figures figures.json"),
    Command("quantize", "quantize run/plan --data tiny.tds --out quantized", [["quantized/*"]], gone=["quantized/plan.json"],
            once=True),
    Command("export", "export run/plan --out whole.onnx"),
    Command("profile", "profile run/plan --data tiny.tds --seconds 0.05 --out costs.json --csv costs.csv"),
    Command("compile", "compile run/plan --untuned --target sse4", [["run/plan/*"]]),
    Command("tune", "tune run/plan --candidates 1 --store store.sqlite"),
    Command("train", "train tiny.toml --run fresh", gone=["fresh"]),
    Command("data-import", "data import folder folder --height 16 --width 16 --out tiny.tds"),
    Command("data-import-encoded", "data import folder folder --keep-encoded --out photos.tds", gone=["photos.tds"]),
    Command("data-generate", "data generate --train 1400 --test 200 --out tiny.tds"),
    Command("search", "search search.toml --run found", [["found/front.json", "found/front.png"]]),
    Command("costs", "costs net --seconds 0.5 --out table.json", gone=["table.json"]),
    Command("pack", "subnets pack net --out packed", [["packed/*"]]),
    Command("cut", "subnets cut net largest --out cut.onnx", [["cut.onnx", "cut.pt"]]),
    Command("subnets-eval", "subnets eval net --arch largest --store answers.sqlite"),
    Command("refine", "refine found --knee --out refined.toml", gone=["refined.toml"], once=True),
]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshot(root):
    """Every file by its name: of a link what it leads to. What is being made is left out."""
    files = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not LEFT_OVER.fullmatch(f)]
        for name in names:
            path = pathlib.Path(folder, name)
            if not LEFT_OVER.fullmatch(name) and path.is_file():
                files[str(path.relative_to(root))] = digest(path)
    return files


def left_over(root):
    return [str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*") if LEFT_OVER.fullmatch(p.name)]


# Kernels and their programs are named by their content: what the plan does not name is waste, and no part of a set.
BY_CONTENT = re.compile(r"_[0-9a-f]{12}\.(program|so)$|\.proof$")


def plan_names(plan):
    """Text in which the names of all files that a plan uses stand."""
    text = (plan / "plan.json").read_bytes()
    programs = [path for path in plan.glob("*.program") if path.name.encode() in text]
    return text + b"".join(path.read_bytes() for path in programs)


def matches(name, patterns):
    return any(pathlib.PurePath(name).match(pattern) and name.count("/") == pattern.count("/") for pattern in patterns)


class Test:
    def __init__(self, arguments):
        self.arguments = arguments
        self.triage = str(pathlib.Path(arguments.triage).resolve())
        self.source = pathlib.Path(arguments.source).resolve()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="kill_test."))
        self.temporary = self.work / "tmp"  # of the commands
        self.temporary.mkdir()
        self.random = random.Random(arguments.seed)
        self.tried = self.lost = self.signalled = 0

    def chosen(self, name):
        return not self.arguments.only or name in self.arguments.only.split(",")

    def call(self, line, cwd, **kill):
        environment = dict(os.environ, TMPDIR=str(self.temporary))
        if kill:
            environment["LD_PRELOAD"] = str(self.work / "kill_at.so")
            environment.update({key.upper(): str(value) for key, value in kill.items()})
        return subprocess.run([self.triage, *line.split()], cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=MOST_SECONDS)

    def must(self, line, cwd):
        result = self.call(line, cwd)
        if result.returncode != 0:
            sys.exit(f"kill_test: triage {line}: exit code {result.returncode}: {result.stderr}")

    def prepare(self):
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", self.work / "kill_at.so", self.source / "tests/kill_at.c",
                        "-ldl"], check=True)
        base = self.work / "base"
        base.mkdir()
        self.must("data generate --out tiny.tds --train 1400 --test 200", base)
        for name in ("tiny", "tiny_supernet"):
            text = (self.source / f"tests/{name}.toml").read_text().replace("DATA", "tiny.tds")
            text = text.replace("epochs = 3", "epochs = 1").replace("epochs = 4", "epochs = 1")
            (base / f"{name}.toml").write_text(text.replace("profile_seconds = 0.2", "profile_seconds = 0.05"))
        (base / "search.toml").write_text(SEARCH)

        def needed(names):
            return any(self.chosen(name) for name in names.split())

        def before(names, line):  # what only these commands need
            if needed(names):
                self.must(line, base)

        self.must("run tiny.toml --run run --figures figures.json", base)
        self.must("compile run/plan --untuned", base)
        # Measured times choose among few routers: without this a new file may happen to be as the old one is.
        with open(base / "run/plan/router.pt", "ab") as router:
            router.write(b"of before")
        before("eval", "eval run/plan --data tiny.tds --no-latency --out results.json --scores scores.bin")
        before("profile", "profile run/plan --data tiny.tds --seconds 0.05 --out costs.json --csv costs.csv")
        before("tune", "tune run/plan --candidates 1 --store store.sqlite")
        before("export", "export run/plan --out whole.onnx")
        before("costs search refine pack cut subnets-eval", "train tiny_supernet.toml --run net")
        if needed("costs search refine"):
            self.must("costs net --seconds 0.5 --out table.json", base)
            (base / "found").mkdir()
            shutil.copy(base / "table.json", base / "found/layer_costs.json")
        before("search refine", "search search.toml --run found")
        before("pack", "subnets pack net --out packed")
        before("cut", "subnets cut net smallest --out cut.onnx")
        before("subnets-eval", "subnets eval net --arch smallest --store answers.sqlite")
        self.must("data info tiny.tds --sheet image.png", base)
        for split, count in (("train", 6), ("test", 2)):
            for label in ("a", "b"):
                folder = base / "folder" / split / label
                folder.mkdir(parents=True)
                for i in range(count):
                    shutil.copy(base / "image.png", folder / f"{i}.png")
        (base / "quantized").mkdir()
        (base / "quantized/notes.txt").write_text("mine\n")
        return base

    def start(self, base, command, name):
        place = self.work / name
        shutil.copytree(base, place, symlinks=True)
        for pattern in command.gone:
            for path in place.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if "old layout" in command.before:
            for path in list((place / "run").iterdir()):
                if path.is_symlink():
                    content = path.read_bytes()
                    path.unlink()
                    path.write_bytes(content)
            for name in ("costs.json", "latency.json", "router.pt", "router.json"):
                (place / "run/plan" / name).unlink()
        return place

    def compare(self, command, place, old, new, pending=False):
        """What is lost. new: what a whole run leaves; pending: a complete set that waits for the next command."""
        problems = []
        now = snapshot(place)
        in_use = plan_names(place / command.plan)
        before = set(old.values())
        for patterns in command.sets:
            names = [name for name in sorted(set(old) | set(new) | set(now)) if matches(name, patterns)]
            names = [name for name in names if not BY_CONTENT.search(name) or name.split("/")[-1].encode() in in_use]
            kept = [name for name in names if name in old and now.get(name) == old[name]]
            put_in_place = {name for name in names if name not in old and now.get(name) in before}  # a copy of an old one
            other = [name for name in names if now.get(name) != old.get(name) and name not in put_in_place]
            still_old = [name for name in kept if new.get(name) != old[name]]
            if other and still_old and not pending:
                problems.append(f"of one set {other} are new and {still_old} old")
            gone = [name for name in names if name in old and name not in now and name in new]
            if gone:
                problems.append(f"{gone} are gone")
        together = [pattern for patterns in command.sets for pattern in patterns]
        for name, content in old.items():
            if name.endswith(("-wal", "-shm", "checkpoint/lock")) or matches(name, together):
                continue
            if name == "run/timing.json" and name in now:  # the longest time of each step: one more run may add to it
                continue
            if name not in now:
                problems.append(f"{name} is gone")
            elif now[name] != content and new.get(name) == content:
                problems.append(f"{name} changed")
        return problems

    def readable(self, place, old, now):
        for name, content in now.items():
            if old.get(name) == content:
                continue
            try:
                if name.endswith(".json"):
                    json.loads((place / name).read_text())
                elif name.endswith(".tds"):
                    self.must_work("data info " + name, place)
            except ValueError as error:
                yield f"{name}: {error}"
            except RuntimeError as error:
                yield str(error)

    def must_work(self, line, place):
        result = self.call(line, place)
        if result.returncode != 0:
            raise RuntimeError(f"triage {line}: exit code {result.returncode}: {result.stderr.strip()}")

    def check(self, command, place, old, new, code):
        now = snapshot(place)
        left = left_over(place)
        pending = any(name.endswith(".new") for name in left)
        problems = self.compare(command, place, old, new, pending) + list(self.readable(place, old, now))
        try:
            self.must_work(f"predict {command.plan} image.png", place)
            again = self.call(command.line, place)
            done = command.once and again.returncode == 2 and "found" in again.stderr
            if again.returncode != code and not done:
                raise RuntimeError(f"again: exit code {again.returncode}, expected {code}: {again.stderr.strip()}")
            if done:  # refused before it wrote: another one that writes there cleans up
                self.must_work("data generate --train 200 --test 20 --out other.tds", place)
            self.must_work(f"predict {command.plan} image.png", place)
        except RuntimeError as error:
            problems.append(str(error))
        problems += self.compare(command, place, old, new)
        left = left_over(place) + [str(part.relative_to(place)) for part in place.rglob("*.part")]
        if left:
            problems.append(f"left over after it ran again: {left}")
        return problems

    def points(self, calls, count):
        """Spread over all of them: one in each of `count` parts."""
        count = min(count, calls)
        for i in range(count):
            yield self.random.randint(1 + i * calls // count, max(1 + i * calls // count, (i + 1) * calls // count))

    def one_command(self, base, command):
        place = self.start(base, command, "whole")
        old = snapshot(place)
        calls_file = self.work / "calls"
        whole = self.call(command.line, place, kill_count=calls_file)
        code = 1 if command.name.endswith("refused") else 0
        if whole.returncode != code:
            sys.exit(f"kill_test: {command.name}: exit code {whole.returncode}, expected {code}: {whole.stderr}")
        calls, new = int(calls_file.read_text()), snapshot(place)
        problems = [f"left over: {left_over(place)}"] if left_over(place) else []
        if code != 0 and new != old:
            problems.append(f"refused, but {[n for n in set(old) | set(new) if old.get(n) != new.get(n)]} changed")
        shutil.rmtree(place)
        killed = 0
        for point in self.points(calls, self.arguments.points):
            for number in (signal.SIGKILL, signal.SIGTERM)[: 2 if killed == 0 else 1]:
                place = self.start(base, command, "killed")
                result = self.call(command.line, place, kill_at=point, kill_signal=int(number))
                while number == signal.SIGKILL and result.returncode == code and point > 1:
                    point = point * 3 // 4  # what is saved from time to time makes fewer calls in some runs
                    shutil.rmtree(place)
                    place = self.start(base, command, "killed")
                    result = self.call(command.line, place, kill_at=point, kill_signal=int(number))
                if number == signal.SIGKILL and result.returncode == -signal.SIGKILL:
                    killed += 1
                elif number == signal.SIGKILL:
                    problems += [f"call {point} of {calls}: not killed, exit code {result.returncode}"]
                elif left_over(place):
                    problems.append(f"SIGTERM at call {point} of {calls}: left over: {left_over(place)}")
                found = self.check(command, place, old, new, code)
                problems += [f"{number.name} at call {point} of {calls}: {problem}" for problem in found]
                self.lost += 1 if found else 0
                shutil.rmtree(place)
        self.tried += killed
        if left_over(self.temporary):
            self.call("profile run/plan --data tiny.tds --seconds 0.05 --memory", base)
            if left_over(self.temporary):
                problems.append(f"left in the temporary directory: {left_over(self.temporary)}")
        return calls, killed, problems

    def run(self):
        try:
            base = self.prepare()
            failed = False
            for command in COMMANDS:
                if not self.chosen(command.name):
                    continue
                begun = time.monotonic()
                calls, killed, problems = self.one_command(base, command)
                print(f"{command.name:18} {calls:5} calls, killed at {killed:3}, {len(problems)} problems, "
                      f"{time.monotonic() - begun:.0f} s", flush=True)
                for problem in problems:
                    print("   ", problem, flush=True)
                failed = failed or bool(problems)
            print(f"kill_test: {self.tried} killed, {self.lost} lost artefacts")
            return 1 if failed or self.lost else 0
        finally:
            shutil.rmtree(self.work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("triage")
    parser.add_argument("source")
    parser.add_argument("--points", type=int, default=20, help="at which each command is killed")
    parser.add_argument("--only", default="", help="of these commands, separated by commas")
    parser.add_argument("--seed", type=int, default=4711)
    return Test(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
