#!/usr/bin/env python3
"""Scores what a tool printed about the benchmark's tree: plants found, lookalikes taken for products.

usage: score.py [--list] TREE TOOL OUTPUT       TOOL: ostrakon, syft, trivy, yarax, yr, clamscan, ripgrep

Prints one line of JSON: plants, found, lookalikes, hit (taken for products: false positives), shown (reported as no
more than possible), elsewhere (places reported that are neither), and their names; with --list it is spread over lines.

Other tools were not made for this question, so they are judged generously: a plant is found when anything is reported
at, below or inside its place in which the vendor's name, or the product's, stands as a whole word anywhere. A tool that
only prints the paths in which its own rule or word matched has found whatever lies there. Ostrakon is judged strictly:
a plant is found if a piece of evidence for a product of the vendor lies there, and both the evidence and the finding
are at least probable. By the same rule it takes a lookalike for a product.
"""

import argparse
import json
import re
from pathlib import Path

VENDOR = "kaspersky"


# What a report is worth by itself: the tool only names a path in which its own rule or word matched; it says that the
# vendor's product is there; or it lists everything, and its words must be searched.
PATH, VENDORS, LISTED = range(3)


class Report:
    """One thing a tool said: the places it named, as paths of the tree; its words; is it more than possible?"""

    def __init__(self, places, text, worth, counts=True):
        self.places = list(places)
        self.text = text.lower()
        self.worth = worth
        self.counts = counts

    def says(self, words):
        return any(re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])", self.text) for word in words)

    def is_at(self, thing):
        if not self.places:
            # Trivy names no file for what it read in an SBOM.
            return thing.get("kind") == "sbom"
        return any(within(place, at) for place in self.places for at in thing["at"])

    def finds(self, plant):
        if self.worth == PATH or (self.worth == VENDORS and not plant["shared"]):
            return True
        return self.says(plant["words"])

    def takes(self, lookalike):
        """Is the lookalike taken for a product? What shares a file with others is told by its own word, which a bare
        path does not have."""
        if lookalike["shared"] and not self.says(lookalike["words"]):
            return False
        return self.worth != LISTED or self.says([VENDOR])


def within(place, at):
    """Is `place` the same, or below it, or inside it?"""
    return place == at or (place.startswith(at) and place[len(at)] in "/!:")


def path_in(root, path):
    """A path as the tree has it, whether the tool names it from the machine's root or from the tree's."""
    path = path.removeprefix(root)
    return path if path.startswith("/") else f"/{path}"


def ostrakon(text, root):
    for finding in json.loads(text)["findings"]:
        if finding["vendor"] != VENDOR:
            continue
        for evidence in finding["evidence"]:
            if evidence.get("supporting"):
                continue
            counts = "possible" not in (finding["grade"], evidence["grade"])
            yield Report([evidence["locator"]], evidence["value"], VENDORS, counts)


def syft(text, root):
    for package in json.loads(text)["artifacts"]:
        places = [
            location[key] for location in package["locations"] for key in ("path", "accessPath") if key in location
        ]
        # An archive in an archive stands here.
        metadata = package.get("metadata") or {}
        places += [metadata["virtualPath"]] if metadata.get("virtualPath") else []
        yield Report([path_in(root, place) for place in places], words_of(package), LISTED)


def trivy(text, root):
    for result in json.loads(text).get("Results") or []:
        # The place of a system's package list is the system; packages of libraries say where they are, or nothing; all
        # else is named by its file.
        system = ["/var/lib/dpkg/status"] if result.get("Class") == "os-pkgs" else []
        file = [] if system or result["Target"] in LANGUAGES else [result["Target"]]
        for package in result.get("Packages") or []:
            own = [package["FilePath"]] if package.get("FilePath") else []
            yield Report([path_in(root, place) for place in own + system + file], words_of(package), LISTED)


# What Trivy calls the places of libraries that it found file by file.
LANGUAGES = {"Java", "Node.js", "Python", "Ruby", "Conda"}


def words_of(package):
    """All that is said of a package, but for the list of its files."""
    metadata = package.get("metadata")
    if isinstance(metadata, dict):
        package = package | {"metadata": {key: value for key, value in metadata.items() if key != "files"}}
    return json.dumps({key: value for key, value in package.items() if key != "InstalledFiles"}, ensure_ascii=False)


def ripgrep(text, root):
    for line in text.splitlines():
        yield Report([path_in(root, line)], "", PATH)


def yarax(text, root):
    for line in text.splitlines():
        rule, _, path = line.partition(" ")
        yield Report([path_in(root, path)], rule, PATH)


def clamscan(text, root):
    for line in text.splitlines():
        path, colon, signature = line.rpartition(": ")
        if colon and signature.endswith(" FOUND"):
            yield Report([path_in(root, path)], signature, PATH)


TOOLS = {
    "ostrakon": ostrakon,
    "syft": syft,
    "trivy": trivy,
    "yarax": yarax,
    "yr": yarax,
    "clamscan": clamscan,
    "ripgrep": ripgrep,
}


def score(tree, tool, text):
    plants = json.loads((tree / "plants.json").read_text())["plants"]
    lookalikes = json.loads((tree / "lookalikes.json").read_text())["lookalikes"]
    things = plants + lookalikes
    places = [place for thing in things for place in thing["at"]]
    for thing in things:
        thing["shared"] = any(places.count(place) > 1 for place in thing["at"])
    found, hit, shown, elsewhere = set(), set(), set(), set()
    for report in TOOLS[tool](text, str(tree / "root")):
        there = [thing for thing in things if report.is_at(thing)]
        for plant in plants:
            if report.counts and report.is_at(plant) and report.finds(plant):
                found.add(plant["id"])
        for lookalike in lookalikes:
            if report.is_at(lookalike) and report.takes(lookalike):
                (hit if report.counts else shown).add(lookalike["id"])
        if not there and report.counts and (report.worth != LISTED or report.says([VENDOR])):
            elsewhere.update(report.places)
    return {
        "tool": tool,
        "plants": len(plants),
        "found": len(found),
        "lookalikes": len(lookalikes),
        "hit": len(hit),
        "shown": len(shown - hit),
        "elsewhere": len(elsewhere),
        "missed": [plant["id"] for plant in plants if plant["id"] not in found],
        "hit_ids": sorted(hit),
        "shown_ids": sorted(shown - hit),
        "elsewhere_at": sorted(elsewhere)[:20],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("tree", type=Path)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    text = arguments.output.read_text(errors="replace")
    result = score(arguments.tree.absolute(), arguments.tool, text)
    print(json.dumps(result, indent=1 if arguments.list else None))


if __name__ == "__main__":
    main()
