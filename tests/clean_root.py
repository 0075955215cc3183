#!/usr/bin/env python3
"""A root that has what some Debian packages need and nothing else, made of this machine's installed packages, without a network:
their files, and dpkg's records of them, so that `dpkg --root=ROOT --install` checks dependencies as on any machine.
usage: clean_root.py ROOT WORD...   a package of this machine, or FILE.deb, of which the dependencies alone are meant
May be called again to add more."""
import glob
import os
import shutil
import subprocess
import sys

SKIPPED = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/", "/usr/share/lintian/")


def read_records():
    records = {}
    with open("/var/lib/dpkg/status", encoding="utf-8") as status:
        for text in status.read().split("\n\n"):
            fields = {}
            for line in text.splitlines():
                key, colon, value = line.partition(":")
                if colon and not line.startswith(" "):
                    fields[key] = value.strip()
            if fields.get("Status", "").endswith(" installed") and fields["Architecture"] in ("all", native):
                records[fields["Package"]] = (fields, text)
    return records


def names(relation):
    """'a (>= 1) | b, c:any' -> [['a', 'b'], ['c']]"""
    return [[choice.split("(")[0].split(":")[0].strip() for choice in group.split("|")] for group in relation.split(",") if group.strip()]


def closure(wanted, records):
    providers = {}
    for package, (fields, _) in records.items():
        for group in names(fields.get("Provides", "")):
            providers.setdefault(group[0], package)
    found, waiting = set(), list(wanted)
    while waiting:
        choices = waiting.pop()
        package = next((providers.get(c, c) if c not in records else c for c in choices if c in records or c in providers), None)
        if package is None:
            sys.exit(f"clean_root: {' | '.join(choices)}: expected to be installed on this machine, found nothing of it")
        if package not in found:
            found.add(package)
            fields = records[package][0]
            waiting += names(fields.get("Pre-Depends", "")) + names(fields.get("Depends", ""))
    return found


def link_alternatives(files):
    """What update-alternatives makes of those files: the candidate of the highest priority, with what comes with it."""
    for record in glob.glob("/var/lib/dpkg/alternatives/*"):
        with open(record, encoding="utf-8") as lines:
            head, _, choices = lines.read().partition("\n\n")
        head, choices = head.splitlines()[1:], choices.splitlines()
        links = list(zip([os.path.basename(record)] + head[1::2], head[0::2]))
        candidates = [choices[i:i + len(links) + 1] for i in range(0, len(choices) - len(links), len(links) + 1)]
        candidates = [one for one in candidates if one[0] in files]
        if candidates:
            path, _, *others = max(candidates, key=lambda one: int(one[1]))
            for (name, link), target in zip(links, [path, *others]):
                if target in files:
                    relink("/etc/alternatives/" + name, target)
                    relink(link, "/etc/alternatives/" + name)


def relink(link, target):
    os.makedirs(os.path.dirname(root + link), exist_ok=True)
    if os.path.lexists(root + link):
        os.remove(root + link)
    os.symlink(target, root + link)


root, words = sys.argv[1], sys.argv[2:]
native = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
records = read_records()
dpkg = os.path.join(root, "var/lib/dpkg")
status = os.path.join(dpkg, "status")
there = open(status, encoding="utf-8").read() if os.path.exists(status) else ""
known = {line.split(": ")[1] for line in there.splitlines() if line.startswith("Package: ")}
wanted, own = [], set(known)
for deb in (word for word in words if word.endswith(".deb")):
    own.add(subprocess.check_output(["dpkg-deb", "--field", deb, "Package"], text=True).strip())
    for field in ("Pre-Depends", "Depends"):
        wanted += names(subprocess.check_output(["dpkg-deb", "--field", deb, field], text=True))
wanted = [choices for choices in wanted if not own & set(choices)] + [[word] for word in words if not word.endswith(".deb")]
packages = sorted(closure(wanted, records))

os.makedirs(os.path.join(dpkg, "info"), exist_ok=True)
os.makedirs(os.path.join(dpkg, "updates"), exist_ok=True)
for directory in ("bin", "sbin", "lib", "lib64"):
    os.makedirs(os.path.join(root, "usr", directory), exist_ok=True)
    if not os.path.lexists(os.path.join(root, directory)):
        os.symlink("usr/" + directory, os.path.join(root, directory))
for directory in ("tmp", "proc", "dev", "etc/alternatives"):
    os.makedirs(os.path.join(root, directory), exist_ok=True)

new = [package for package in packages if package not in known]
files = set()
with open(status, "a", encoding="utf-8") as out:
    for package in new:
        out.write(records[package][1].strip("\n") + "\n\n")
        lists = [f"/var/lib/dpkg/info/{name}.list" for name in (package, f"{package}:{native}")]
        listing = next(name for name in lists if os.path.exists(name))
        shutil.copy(listing, os.path.join(dpkg, "info"))
        with open(listing, encoding="utf-8") as lines:
            paths = lines.read().splitlines()
        for path in paths:  # /lib/x is /usr/lib/x
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            if path.startswith(SKIPPED) or not os.path.lexists(path) or (os.path.isdir(path) and not os.path.islink(path)):
                continue
            if path not in ("/bin", "/sbin", "/lib", "/lib64"):
                files.add(path)
listed = "\0".join(sorted(path[1:] for path in files)).encode()
copy = subprocess.Popen(["tar", "-C", "/", "--null", "--no-recursion", "--files-from=-", "-cf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
extract = subprocess.Popen(["tar", "-C", root, "--no-same-owner", "--keep-directory-symlink", "-xf", "-"], stdin=copy.stdout)
copy.stdin.write(listed)
copy.stdin.close()
if extract.wait() != 0 or copy.wait() != 0:
    sys.exit("clean_root: the files could not be copied")
link_alternatives(files)
print(f"{len(new)} packages, {sum(os.path.getsize(path) for path in files if os.path.isfile(path) and not os.path.islink(path)) / 1e6:.0f} MB")
