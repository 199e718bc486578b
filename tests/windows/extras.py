"""The images besides Windows' own, and extras.json, which says what each is and what must come of it."""

import json
import shutil
from pathlib import Path

import damaged
import disk
import linux
import pe
import plants
from plan import program_attributes, sha256
from signing import SIGNERS
from stored import TOOLS

OVERLAY = f"{TOOLS}/overlay.exe"


class Extras:
    """Collects what is made in `folder`; `windows` is a raw disk of Windows with its partitions."""

    def __init__(self, folder, work, windows, partitions):
        self.folder, self.work, self.windows, self.partitions = Path(folder), work, windows, partitions
        self.made = []

    def note(self, image, what, expect, **more):
        """`expect`: findings (as in the Windows image), some (what is left of them), gap, or linux (those listed)."""
        self.made.append({"image": image, "what": what, "expect": expect, **more})

    def copy(self, name):
        """A copy of the Windows disk, with its holes."""
        target = self.folder / name
        disk.run("cp", "--sparse=always", self.windows, target)
        return target


def make_all(folder, build_windows, work, say):
    """Makes all of them in `folder`. `build_windows(raw)` makes a small disk of Windows and gives plan, partitions
    and what was written."""
    windows = Path(work, "windows.raw")
    plan, partitions, _ = build_windows(windows)
    extras = Extras(folder, work, windows, partitions)
    encrypted(extras)
    containers(extras, plan)
    wrong(extras)
    of_linux(extras)
    text = json.dumps({"schema": "ostrakon-tests/extra-images/1", "images": extras.made}, ensure_ascii=False, indent=1)
    (extras.folder / "extras.json").write_text(text + "\n", encoding="utf-8")
    say(f"extras: {len(extras.made)} images")


def encrypted(extras):
    partitions = damaged.luks(extras.folder / "luks.img", extras.work)
    extras.note("luks.img", "LUKS2 and LUKS1 in a GPT; passphrase `test`, nothing inside", "gap", partitions=partitions,
                gap="an encrypted partition that cannot be read")  # fmt: skip
    partitions = damaged.bitlocker(extras.folder / "bitlocker.img")
    extras.note("bitlocker.img", "the first sectors of a BitLocker volume in a GPT", "gap", partitions=partitions,
                gap="an encrypted partition that cannot be read")  # fmt: skip


def containers(extras, plan):
    folder, windows = extras.folder, extras.windows
    disk.run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zstd", windows,
             folder / "zstd.qcow2")  # fmt: skip
    extras.note("zstd.qcow2", "qcow2 whose clusters are compressed with zstd", "findings")
    disk.run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", windows, folder / "base.qcow2")
    extras.note("base.qcow2", "the base of backed.qcow2", "findings")
    changed = Path(extras.work, "changed.raw")
    shutil.copyfile(windows, changed)
    plant = add_program(changed, extras, plan)
    damaged.overlay(windows, changed, folder / "backed.qcow2")
    extras.note("backed.qcow2", "qcow2 over base.qcow2, with one more program", "findings", plants=[plant])
    damaged.with_backing(folder / "missing-backing.qcow2", "not-there.qcow2")
    extras.note(
        "missing-backing.qcow2", "qcow2 whose backing file is not there", "gap", gap="the backing file is missing"
    )
    damaged.with_backing(folder / "own-backing.qcow2", "own-backing.qcow2")
    extras.note("own-backing.qcow2", "qcow2 that is its own backing file", "gap", gap="backing files run in a circle")
    for one, other in (("circle-a.qcow2", "circle-b.qcow2"), ("circle-b.qcow2", "circle-a.qcow2")):
        damaged.with_backing(folder / one, other)
        extras.note(one, f"qcow2 over {other}, which is over it", "gap", gap="backing files run in a circle")
    damaged.with_backing(folder / "outside-backing.qcow2", "../../../../../../../../etc/passwd")
    extras.note("outside-backing.qcow2", "qcow2 whose backing file is /etc/passwd", "gap",
                gap="a backing file outside the image's folder, or one that is no image; never its content")  # fmt: skip
    damaged.cyclic_qcow2(folder / "cyclic.qcow2")
    extras.note(
        "cyclic.qcow2", "qcow2 whose tables point at themselves", "gap", gap="tables that are wrong, or no volume"
    )


def add_program(raw, extras, plan):
    """Puts a signed program into the volume of `raw`; gives the plant."""
    version = pe.version_of(plants.MAKER, "Kaspersky", "Service", plants.CORE, "overlay.exe", "2024 " + plants.MAKER)
    data = plan.program(version, signer="kaspersky")
    damaged.edit(raw, extras.partitions, extras.work, lambda root: (root / OVERLAY).write_bytes(data))
    return {"id": "overlay", "dossier": "kaspersky", "product": "any", "presence": "dormant", "path": "/" + OVERLAY,
            "sha256": sha256(data), "attributes": program_attributes(OVERLAY, version, SIGNERS["kaspersky"])}  # fmt: skip


def wrong(extras):
    partitions, work = extras.partitions, extras.work
    damaged.corrupt_hive(extras.copy("corrupt-hive.raw"), partitions, work)
    extras.note("corrupt-hive.raw", "Windows whose SOFTWARE is overwritten from its fourth page on", "some",
                gap="SOFTWARE cannot be read in full", products=["any", "avp", "kes", "klnagent", "kpm", "browser"])  # fmt: skip
    damaged.truncated(extras.copy("truncated.raw"))
    extras.note("truncated.raw", "the first half of a disk of Windows", "some", gap="the disk ends inside the volume",
                products=[])  # fmt: skip
    damaged.cyclic_mft(extras.copy("cyclic-mft.raw"), partitions, work)
    extras.note("cyclic-mft.raw", "Windows with an attribute list that names its own record, a folder that leads to the one "
                "above, and a folder that lies in itself", "some", gap="a file and folders that cannot be read",
                paths=["/" + TOOLS + name for name in ("/fontsvc.exe", "/zh", "/many")],
                products=["any", "avp", "kes", "klnagent", "kpm", "browser", "ksde", "k4w"])  # fmt: skip


def of_linux(extras):
    listed = linux.linux_disk(extras.folder / "linux.raw", extras.work)
    extras.note("linux.raw", "ext4, XFS, FAT32 and exFAT in a GPT", "linux", partitions=listed)
    listed = linux.lvm_disk(extras.folder / "lvm.raw", extras.work)
    extras.note("lvm.raw", "ext4 in a logical volume of LVM2 that lies in two stretches", "linux", partitions=listed)
