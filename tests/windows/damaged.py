"""Windows images and containers that are damaged, cut, encrypted or run in circles: what a reader must survive and name."""

import os
import struct
import subprocess
from pathlib import Path

import disk
import ntfs
import raw_ntfs
from stored import TOOLS

MIB = 1 << 20
CLUSTER = 65536
QCOW2 = struct.Struct(">4sIQIIQIIQQIIQQQQII")  # header of version 3, after docs/interop/qcow2.txt of QEMU


# --- the volume of Windows
def edit(raw, partitions, work, change):
    """Mounts the volume of Windows in `raw` and calls `change` with its folder."""
    with disk.loop(raw, disk.named(partitions, "windows")) as device, ntfs.Volume(device, Path(work, "edit")) as volume:
        return change(volume.root)


def corrupt_hive(raw, partitions, work):
    """SOFTWARE without most of its pages, and without its log; what the first page says is right."""

    def change(root):
        hive = root / "Windows/System32/config/SOFTWARE"
        data = bytearray(hive.read_bytes())
        data[0x3000:-0x1000] = b"\xff" * (len(data) - 0x4000)
        with hive.open("r+b") as out:
            out.write(data)
        (root / "Windows/System32/config/SOFTWARE.LOG1").write_bytes(b"")

    edit(raw, partitions, work, change)


def cyclic_mft(raw, partitions, work):
    """Three circles: an attribute list that sends its reader back to its own record, a folder whose entry leads to the
    folder above it, and a folder that says it lies in itself."""
    numbers = edit(raw, partitions, work, lambda root: {
        name: os.stat(root / name).st_ino for name in (f"{TOOLS}/fontsvc.exe", TOOLS, f"{TOOLS}/zh", f"{TOOLS}/many")
    })  # fmt: skip
    with open(raw, "r+b") as file:
        volume = raw_ntfs.Volume(file, disk.named(partitions, "windows")["offset"])
        list_of_itself(volume, numbers[f"{TOOLS}/fontsvc.exe"])
        entry_to_above(volume, numbers[TOOLS], numbers[f"{TOOLS}/zh"])
        own_parent(volume, numbers[f"{TOOLS}/many"])


def list_of_itself(volume, number):
    """Makes all entries of an attribute list point at the record that holds the list."""
    _, attribute = volume.attribute(volume.record(number), raw_ntfs.ATTRIBUTE_LIST)
    (first, _), *_ = volume.runs(attribute)
    (size,) = struct.unpack_from("<Q", attribute, 48)
    position = first * volume.cluster
    entries = volume.at(position, size)
    at = 0
    while at < size:
        struct.pack_into("<Q", entries, at + 16, volume.reference(number))
        at += struct.unpack_from("<H", entries, at + 4)[0]
    volume.put(position, entries)


def entry_to_above(volume, folder, below):
    """Makes the entry for `below` in the index of `folder` lead to `folder`."""
    old, new = volume.reference(below), volume.reference(folder)
    record = volume.record(folder)
    at = record.find(struct.pack("<Q", old))
    if at >= 0:
        struct.pack_into("<Q", record, at, new)
        volume.write_record(folder, record)
        return
    at, attribute = volume.attribute(record, raw_ntfs.INDEX_ALLOCATION)
    for first, count in volume.runs(attribute):
        position = first * volume.cluster
        block = volume.at(position, count * volume.cluster)
        at = block.find(struct.pack("<Q", old))
        if at >= 0:
            struct.pack_into("<Q", block, at, new)
            volume.put(position, block)
            return
    raise ValueError("the folder has no such entry")


def own_parent(volume, number):
    """Makes a folder say that it lies in itself."""
    record = volume.record(number)
    at, attribute = volume.attribute(record, raw_ntfs.FILE_NAME)
    (content,) = struct.unpack_from("<H", attribute, 20)
    struct.pack_into("<Q", record, at + content, volume.reference(number))
    volume.write_record(number, record)


def truncated(raw):
    """Leaves the first half of a disk."""
    os.truncate(raw, Path(raw).stat().st_size // 2)


# --- encrypted
def luks(raw, work):
    """A GPT with a partition of LUKS2 and one of LUKS1, made by cryptsetup; the passphrase is `test`."""
    layout = [("luks2", disk.LINUX, 18, "luks2"), ("luks1", disk.LINUX, 4, "luks1")]
    partitions = disk.partition(raw, "gpt", layout)
    for part in partitions:
        kind, file = part["file_system"], Path(work, part["file_system"])
        with file.open("wb") as out:
            out.truncate(part["size"])
        command = ["cryptsetup", "luksFormat", "--batch-mode", "--type", kind, "--pbkdf", "pbkdf2",
                   "--pbkdf-force-iterations", "1000", file, "-"]  # fmt: skip
        subprocess.run(command, input=b"test", check=True)
        copy_into(raw, part["offset"], file.read_bytes())
    return partitions


def bitlocker(raw):
    """A GPT with a partition that begins as BitLocker's do since Windows 7: boot sector and three blocks of metadata (after
    libyal's libbde). There is no key and nothing behind it."""
    partitions = disk.partition(raw, "gpt", [("bitlocker", disk.BASIC, 16, "bitlocker")])
    boot = bytearray(512)
    struct.pack_into("<3s8sHBH", boot, 0, b"\xeb\x58\x90", b"-FVE-FS-", 512, 8, 0)
    guid = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
    blocks = (2 * MIB, 6 * MIB, 10 * MIB)
    struct.pack_into("<16sQQQ", boot, 160, guid, *blocks)
    boot[510:] = b"\x55\xaa"
    copy_into(raw, partitions[0]["offset"], boot)
    for block in blocks:
        head = struct.pack("<8sHHHHQIIQQQ", b"-FVE-FS-", 64, 2, 4, 4, 16 * MIB, 0, 16, *blocks)
        copy_into(raw, partitions[0]["offset"] + block, head)
    return partitions


def copy_into(raw, offset, data):
    with open(raw, "r+b") as out:
        out.seek(offset)
        out.write(data)


# --- qcow2
def overlay(base, changed, target):
    """A qcow2 that holds only the clusters in which the raw disk `changed` differs from the raw disk `base`; its backing
    file is base.qcow2 beside it."""
    folder = target.parent
    disk.run("qemu-img", "create", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", target.name, cwd=folder)
    commands = []
    with open(base, "rb") as one, open(changed, "rb") as other:
        at = 0
        while piece := other.read(CLUSTER):
            if piece != one.read(CLUSTER):
                part = Path(f"{changed}.{at}")
                part.write_bytes(piece)
                commands += ["-c", f"write -q -s {part} {at} {len(piece)}"]
            at += len(piece)
    disk.run("qemu-io", "-f", "qcow2", *commands, target.name, cwd=folder)


def with_backing(target, backing, mib=64):
    """An empty qcow2 whose backing file has this name, there or not. qemu-img refuses some names: it gets another one of
    the same length, which is then written over."""
    stand_in = "?" * len(backing)
    options = ["-u", "-b", stand_in, "-F", "qcow2"]
    disk.run("qemu-img", "create", "-f", "qcow2", *options, target.name, f"{mib}M", cwd=target.parent)
    data = target.read_bytes()
    target.write_bytes(data.replace(stand_in.encode(), backing.encode(), 1))


def cyclic_qcow2(target):
    """A qcow2 whose first L1 entry names the L1 table as an L2 table, and whose second names an L2 table all of whose
    entries name that table as data."""
    size, copied = 1 << 30, 1 << 63
    l1, refcounts, block, l2 = CLUSTER, 2 * CLUSTER, 3 * CLUSTER, 4 * CLUSTER
    head = QCOW2.pack(b"QFI\xfb", 3, 0, 0, 16, size, 0, 2, l1, refcounts, 1, 0, 0, 0, 0, 0, 4, QCOW2.size)
    out = bytearray(5 * CLUSTER)
    out[: len(head)] = head
    struct.pack_into(">QQ", out, l1, l1 | copied, l2 | copied)
    struct.pack_into(">Q", out, refcounts, block)
    struct.pack_into(">5H", out, block, 1, 1, 1, 1, 1)
    for entry in range(CLUSTER // 8):
        struct.pack_into(">Q", out, l2 + 8 * entry, l2 | copied)
    target.write_bytes(out)
