#!/usr/bin/env python3
"""Checks a raw image against its truth.json with tools of others: sleuthkit for files, hivex for keys, osslsigncode for
signatures. What these cannot read (CompactOS, logs of hives, members of archives) is counted as passed over.

  check_image.py /tmp/win [--pki /tmp/win/pki]          needs sleuthkit, libhivex-bin, osslsigncode; about 10 s
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

UNREADABLE = ("xpress4k", "xpress16k", "lzx", "archive", "log")


class Image:
    """The NTFS volume of Windows in a raw disk, as sleuthkit sees it."""

    def __init__(self, raw, partitions):
        part = next(part for part in partitions if part["name"] == "windows")
        self.where = ["-o", str(part["offset"] // 512), "-f", "ntfs", str(raw)]
        self.addresses = {}
        for line in run("fls", "-r", "-p", *self.where).decode().splitlines():
            address, path = line.split(":\t", 1)
            self.addresses["/" + path] = address.split()[-1]

    def read(self, path):
        return run("icat", "-r", *self.where, self.addresses[path])


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def check_file(image, entry, root, work):
    """Whether a file has the digest of the truth, and where it should be signed, a good signature."""
    path = entry["path"] + (f":{entry['stream']}" if "stream" in entry else "")
    data = image.read(path)
    if "sha256" in entry and hashlib.sha256(data).hexdigest() != entry["sha256"]:
        return "digest differs"
    if entry["attributes"].get("signature.state") == "digest-matches":
        file = Path(work, "file.exe")
        file.write_bytes(data)
        command = ["osslsigncode", "verify", "-CAfile", root, "-TSA-CAfile", root, file]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            return "bad signature"
    return "good"


def check_key(image, entry, work):
    """Whether a key is there, or is not where it should be deleted."""
    file = Path(work, entry["path"].replace("/", "_"))
    if not file.exists():
        file.write_bytes(image.read(entry["path"]))
    asked = subprocess.run(["hivexget", file, "\\" + entry["key"]], check=False, capture_output=True)
    there = asked.returncode == 0
    return "good" if there == (entry["state"] not in ("deleted", "log")) else "not as it should be"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with disk.raw and truth.json")
    parser.add_argument("--pki", type=Path, help="folder of keys (default: pki below the folder)")
    options = parser.parse_args()
    truth = json.loads((options.folder / "truth.json").read_text(encoding="utf-8"))
    image = Image(options.folder / "disk.raw", truth["disk"]["partitions"])
    root = (options.pki or options.folder / "pki") / f"{truth['seed']}-root.pem"
    results = Counter()
    with tempfile.TemporaryDirectory() as work:
        for entry in truth["plants"] + truth["lookalikes"]:
            entry.setdefault("state", "present")
            if "key" in entry:
                result = check_key(image, entry, work)
            elif entry["state"] in UNREADABLE:
                result = "passed over"
            else:
                result = check_file(image, entry, root, work)
            results[result] += 1
            if result not in ("good", "passed over"):
                print(f"{entry['id']}: {result}")
        for hive in truth["hives"].values():
            same = hashlib.sha256(image.read(hive["path"])).hexdigest() == hive["sha256"]
            results["good" if same else "hive differs"] += 1
    print(", ".join(f"{number} {what}" for what, number in results.items()))
    sys.exit(bool(set(results) - {"good", "passed over"}))


if __name__ == "__main__":
    main()
