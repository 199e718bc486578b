#!/usr/bin/env python3
"""Makes disk images of a made-up Windows, with traces of known products and with lookalikes, and truth.json, which says
what must be found. Nothing in them is a vendor's: programs are a few bytes of ours, signed by a chain that nobody trusts.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import disk
import dossier
import extras
import lookalikes
import ntfs
import pe
import plants
import stored
import truth
import windows
from plan import Plan
from signing import Signing

EXAMPLES = """examples:
  make_image.py --out /tmp/win --formats raw,qcow2            small image, about 10 s
  make_image.py --out /tmp/win --formats all --extras         every container, and the damaged and the Linux images
  make_image.py --out /tmp/big --large --table mbr            3 GiB, about 10,000 files
  make_image.py --out /tmp/only --extras-only                 only what --extras adds

Needs root, /dev/fuse, /dev/loop*, and the packages in packages.txt. The same seed gives the same truth.json; the bytes of
the images differ, since ntfs-3g and mkntfs take times and numbers of their own. A folder --pki that is used again saves
the making of keys and signatures, about 5 s.
"""
SMALL_MIB, LARGE_MIB = 88, 2840


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, help="folder for the images and truth.json")
    parser.add_argument("--pki", type=Path, help="folder of keys and signatures (default: pki below --out)")
    parser.add_argument("--seed", type=int, default=1, help="number that everything made up is drawn from")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_true", help=f"Windows volume of {SMALL_MIB} MiB (default)")
    size.add_argument("--large", action="store_true", help="disk of 3 GiB, SOFTWARE with 60,000 keys")
    parser.add_argument("--formats", default="raw,qcow2", type=formats, help=f"of {','.join(disk.FORMATS)}, or all")
    parser.add_argument("--table", choices=("gpt", "mbr"), default="gpt", help="table of partitions")
    parser.add_argument("--extras", action="store_true", help="also encrypted, damaged, cyclic and Linux images")
    parser.add_argument("--extras-only", action="store_true", help="only those")
    return parser.parse_args()


def formats(text):
    asked = list(disk.FORMATS) if text == "all" else text.split(",")
    wrong = set(asked) - set(disk.FORMATS)
    if wrong:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(wrong))}")
    return asked


def planned(seed, signing, work, amount):
    """The plan of a machine: its base, plants, lookalikes and noise."""
    plan = Plan(seed, signing, work, dossier.Dossiers("kaspersky", "bytedance"))
    windows.base(plan)
    plants.plant_all(plan)
    stored.plant_all(plan)
    lookalikes.plant_all(plan)
    windows.noise(plan, amount)
    plan.hives_written = write_hives(plan)
    return plan


def write_hives(plan):
    """Puts the hives with their logs into the plan; gives what truth.json says of them."""
    out = {}
    for name, (file, hive) in plan.hives.items():
        made = hive.written_out()
        hidden = name.startswith(("NTUSER", "USRCLASS"))
        plan.add(file, made.data, hidden=hidden)
        plan.add(file + ".LOG1", made.log or b"", hidden=True)
        plan.add(file + ".LOG2", b"", hidden=True)
        out[name] = truth.of_hive(file, made)
    return out


def fill(plan, raw, partitions, work):
    """Makes the file systems and writes the plan into the one of Windows."""
    written = {}
    for part in partitions:
        if part["file_system"] == "fat32":
            disk.make_fat(raw, part, "SYSTEM")
            boot = Path(work, "bootmgfw.efi")
            boot.write_bytes(pe.build(pe.Program(plan.code(60000), {}), work))
            where = disk.file_of(part, raw)
            disk.run("mmd", "-i", where, "::/EFI", "::/EFI/Microsoft", "::/EFI/Microsoft/Boot")
            disk.run("mcopy", "-i", where, boot, "::/EFI/Microsoft/Boot/bootmgfw.efi")
        elif part["file_system"] == "ntfs":
            with disk.loop(raw, part) as device:
                ntfs.make(device, part["name"].title(), part["offset"] // disk.SECTOR)
                if part["name"] == "windows":
                    with ntfs.Volume(device, Path(work, "mount")) as volume:
                        volume.fill(plan)
                    written = {"files": volume.files, "bytes": volume.bytes, "folders": len(volume.folders)}
    return written


def build(seed, signing, work, raw, table="gpt", large=False):
    """Makes the raw disk; gives its plan, its partitions and how much was written."""
    plan = planned(seed, signing, work, windows.LARGE if large else windows.SMALL)
    layout = disk.windows_layout(table, LARGE_MIB if large else SMALL_MIB, large)
    partitions = disk.partition(raw, table, layout)
    return plan, partitions, fill(plan, raw, partitions, work)


def make_windows(options, signing, work, say):
    """One Windows image in all asked formats, with its truth.json."""
    raw = options.out / "disk.raw"
    plan, partitions, written = build(options.seed, signing, work, raw, options.table, options.large)
    say(f"{len(plan.plants)} plants, {len(plan.lookalikes)} lookalikes; {written}")
    made = disk.containers(raw, options.formats, options.out)
    say(f"containers: {', '.join(made)}")
    described = truth.of_image(plan, options, raw, partitions, written, made)
    (options.out / "truth.json").write_text(
        json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    if "raw" not in options.formats:
        raw.unlink()


def main():
    options = arguments()
    started = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    signing = Signing(options.pki or options.out / "pki", options.seed)
    say("keys ready")
    with tempfile.TemporaryDirectory() as work:
        if not options.extras_only:
            make_windows(options, signing, work, say)
        if options.extras or options.extras_only:
            extras.make_all(options.out, lambda raw: build(options.seed, signing, work, raw), work, say)
    say("done")


if __name__ == "__main__":
    main()
