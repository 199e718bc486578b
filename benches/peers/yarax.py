"""Runs YARA-X on every file of a tree, one process for each processor, and prints `RULE PATH` for each match.

usage: yarax.py RULES TREE
"""

import multiprocessing
import os
import sys

import yara_x

# How many paths a process is given at a time.
PORTION = 256

scanner = None


def begin(rules):
    global scanner
    with open(rules, encoding="utf-8") as source:
        scanner = yara_x.Scanner(yara_x.compile(source.read()))
    # Whether a rule fits is asked, not how often.
    scanner.fast_scan(True)
    scanner.max_matches_per_pattern(1)


def scan(paths):
    lines = []
    for path in paths:
        try:
            lines += [f"{rule.identifier} {path}" for rule in scanner.scan_file(path).matching_rules]
        except (OSError, yara_x.ScanError, yara_x.TimeoutError) as error:
            print(f"{path}: {error}", file=sys.stderr)
    return lines


def files(folder):
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path


def portions(paths):
    portion = []
    for path in paths:
        portion.append(path)
        if len(portion) == PORTION:
            yield portion
            portion = []
    yield portion


def main():
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        print(f"yara-x {version('yara-x')}")
        return
    rules, tree = sys.argv[1:]
    with multiprocessing.Pool(initializer=begin, initargs=(rules,)) as pool:
        for lines in pool.imap_unordered(scan, portions(files(tree))):
            sys.stdout.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    main()
