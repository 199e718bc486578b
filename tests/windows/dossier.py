"""What the dossiers of the repository say: which indicators fit an artifact, so that truth.json follows them.

This is a second reading of docs/dossiers.md, written apart from the program's: a plant whose product no indicator fits, or
a lookalike that fits too much, stops the build.
"""

import re
import tomllib
from pathlib import Path

DOSSIERS = Path(__file__).resolve().parents[2] / "dossiers"
TESTS = ("is", "prefix", "suffix", "contains", "glob", "regex", "under")
PATHS = ("file.path", "process.path", "systemd.exec", "windows.registry.key")
USERS = "/(?:users|documents and settings)/[^/]*"
VARIABLES = {
    "%programfiles(x86)%": r"/program files(?: \(x86\))?",
    "%programfiles%": r"/program files(?: \(x86\))?",
    "%commonprogramfiles%": r"/program files(?: \(x86\))?/common files",
    "%programdata%": "/programdata",
    "%systemroot%": "/windows",
    "%windir%": "/windows",
    "%systemdrive%": "",
    "%localappdata%": USERS + "/appdata/local",
    "%appdata%": USERS + "/appdata/roaming",
    "%userprofile%": USERS,
}
BOTH_VIEWS = "[WOW6432Node/]"


class Dossiers:
    """The indicators of the named dossiers, as tables."""

    def __init__(self, *names):
        self.indicators = []
        for name in names:
            for file in sorted((DOSSIERS / name).glob("*.toml")):
                for indicator in tomllib.loads(file.read_text(encoding="utf-8")).get("indicator", []):
                    self.indicators.append({**indicator, "dossier": name})
        self.lookalikes = {
            lookalike["id"]: lookalike
            for name in names
            for file in sorted((DOSSIERS / name).glob("*.toml"))
            for lookalike in tomllib.loads(file.read_text(encoding="utf-8")).get("lookalike", [])
        }

    def fitting(self, attributes):
        """The indicators that fit an artifact with these attributes (name: text or list of texts)."""
        return [indicator for indicator in self.indicators if holds(indicator, attributes)]


def listed(value):
    return value if isinstance(value, list) else [value]


def holds(test, attributes):
    """Whether one test, with all tests it goes `and` with, holds for the attributes."""
    values = [(name, value) for name in listed(test["on"]) if name in attributes for value in listed(attributes[name])]
    if not any(fits(test, name, value) for name, value in values):
        return False
    return all(holds(other, attributes) for other in test.get("and", []))


def fits(test, name, value):
    """Whether one value of one attribute passes the test."""
    how = next(key for key in TESTS if key in test)
    return any(pattern_of(how, pattern, name).search(value) for pattern in listed(test[how]))


def pattern_of(how, pattern, name):
    """A test as an expression: case never counts, except where an expression of the dossier says so."""
    if how == "regex":
        return re.compile(pattern)
    text = pattern
    base = ""
    path = name in PATHS
    if path:
        text = text.replace("\\", "/").rstrip("/")
        for variable, stands_for in VARIABLES.items():
            if text.lower().startswith(variable):
                base, text = stands_for, text[len(variable) :]
    body = base + (wildcards(text, path) if how in ("glob", "under") else re.escape(text))
    before, after = {"prefix": ("^", ""), "suffix": ("", "$"), "contains": ("", "")}.get(how, ("^", "$"))
    tail = "(?:/.*)?" if how == "under" else ""
    return re.compile(f"{before}(?:{body}){tail}{after}", re.IGNORECASE | re.DOTALL)


def wildcards(text, path):
    """A glob as an expression; in paths `*` stays within one part and `**` does not."""
    one = "[^/]" if path else "."
    out, depth, at = "", 0, 0
    while at < len(text):
        if text[at:].lower().startswith(BOTH_VIEWS.lower()):
            out, at = out + "(?:wow6432node/)?", at + len(BOTH_VIEWS)
            continue
        if path and text.startswith("**", at):
            out, at = out + ".*", at + 2
            continue
        letter = text[at]
        at += 1
        if letter == "{":
            out, depth = out + "(?:", depth + 1
        elif letter == "}" and depth:
            out, depth = out + ")", depth - 1
        else:
            within = {"*": one + "*", "?": one, ",": "|" if depth else ","}
            out += within.get(letter, re.escape(letter))
    return out + ")" * depth


def name_of(indicator):
    """An indicator as the program writes it: product#id."""
    return f"{indicator['product']}#{indicator['id']}"


def strongest(indicators):
    """The grade that these indicators give a finding by one of them, or None."""
    grades = [indicator["grade"] for indicator in indicators if not indicator.get("supporting")]
    return next((grade for grade in ("confirmed", "probable", "possible") if grade in grades), None)
