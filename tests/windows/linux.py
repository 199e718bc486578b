"""Disks of Linux: ext4, XFS, FAT32 and exFAT in one table, and LVM2, each with a product of its own to be found.

ext4 is filled by mkfs.ext4 -d and FAT by mtools; XFS is mounted by the kernel, exFAT by exfat-fuse. Logical volumes are
written where lvm2 says their extents lie: the kernel need not have device-mapper.
"""

import json
import shutil
from pathlib import Path

import disk

MIB = 1 << 20
ELF = bytes.fromhex("7f454c4602010100") + bytes(8) + bytes.fromhex("03003e0001000000") + bytes(40)
TREES = {  # file system: (product, MiB, {path: text})
    "ext4": ("kesl", 48, {"opt/kaspersky/kesl/libexec/kesl": ELF, "usr/lib/systemd/system/kesl.service": (
        "[Unit]\nDescription=kesl\n[Service]\nExecStart=/opt/kaspersky/kesl/libexec/launcher\n")}),
    "xfs": ("klnagent", 304, {"opt/kaspersky/klnagent64/sbin/klnagent": ELF}),
    "fat32": ("kess", 40, {"opt/kaspersky/kess/libexec/kess": ELF}),
    "exfat": ("klms", 16, {"opt/kaspersky/klms/bin/klms-control": ELF}),
}  # fmt: skip
PACKAGES = {"ext4": ("kesl", "12.1.0-1508"), "xfs": ("klnagent64", "15.1.0-20748"), "fat32": ("kess", "3.3.0-100")}
LVM = [
    "--config",
    "devices { use_devicesfile=0 } backup { backup=0 archive=0 } activation { monitoring=0 }",
    "--driverloaded",
    "n",
]
GROUP = "ostrakon_test"


def tree_of(system, folder):
    """Writes the tree of one file system below `folder`."""
    files = dict(TREES[system][2])
    files["etc/os-release"] = 'ID=debian\nVERSION_ID="12"\n'
    if system in PACKAGES:
        name, version = PACKAGES[system]
        files["var/lib/dpkg/status"] = (
            f"Package: {name}\nStatus: install ok installed\nMaintainer: Kaspersky <support@kaspersky.com>\n"
            f"Architecture: amd64\nVersion: {version}\nDescription: made up\n\n"
        )
    for path, content in files.items():
        file = Path(folder, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(0o755 if content is ELF else 0o644)
    return sorted(files)


def described(system):
    """What truth says of one file system."""
    product = TREES[system][0]
    presence = "installed" if system in PACKAGES else "dormant"
    return {"file_system": system, "dossier": "kaspersky", "product": product, "presence": presence,
            "path": "/" + next(iter(TREES[system][2]))}  # fmt: skip


def make_ext4(target, offset, mib, tree, label="root"):
    options = f"offset={offset},hash_seed=00000000-0000-0000-0000-000000000001,root_owner=0:0"
    disk.run("mkfs.ext4", "-q", "-F", "-L", label, "-U", "00000000-0000-0000-0000-0000000000e4", "-E", options,
             "-d", tree, target, f"{mib}M")  # fmt: skip


def make_mounted(device, system, tree, mount):
    """Makes XFS or exFAT on a device and copies the tree into it."""
    if system == "xfs":
        disk.run("mkfs.xfs", "-q", "-f", "-L", "data", device)
        disk.run("mount", "-t", "xfs", "-o", "nouuid", device, mount)
    else:
        disk.run("mkfs.exfat", "-L", "stick", device)
        disk.run("mount.exfat-fuse", device, mount)
    try:
        shutil.copytree(tree, mount, dirs_exist_ok=True, copy_function=shutil.copy)
    finally:
        disk.run("umount", mount)


def linux_disk(raw, work):
    """linux.raw: the four file systems in one GPT. Gives what is in it."""
    layout = [(system, disk.LINUX if system in ("ext4", "xfs") else disk.BASIC, mib, system)
              for system, (_, mib, _) in TREES.items()]  # fmt: skip
    partitions = disk.partition(raw, "gpt", layout)
    mount = Path(work, "linux-mount")
    mount.mkdir(exist_ok=True)
    for part in partitions:
        system = part["file_system"]
        tree = Path(work, "linux-" + system)
        tree_of(system, tree)
        if system == "ext4":
            make_ext4(raw, part["offset"], part["size"] // MIB, tree)
        elif system == "fat32":
            disk.make_fat(raw, part, "STICK")
            disk.run("mcopy", "-s", "-i", disk.file_of(part, raw), *sorted(tree.iterdir()), "::/")
        else:
            with disk.loop(raw, part) as device:
                make_mounted(device, system, tree, mount)
    return [{**part, **described(part["file_system"])} for part in partitions]


def lvm_disk(raw, work):
    """lvm.raw: a GPT with one physical volume and three logical ones. `root` lies in two stretches, since it was made
    longer after `swap` was made behind it."""
    part = disk.partition(raw, "gpt", [("lvm", disk.LINUX_LVM, 128, "lvm2")])[0]
    tree = Path(work, "linux-ext4")
    if not tree.exists():
        tree_of("ext4", tree)
    image = Path(work, "root.ext4")
    make_ext4(image, 0, 48, tree)
    with disk.loop(raw, part) as device:
        only = [*LVM, "--devices", device]
        disk.run("lvm", "pvcreate", *only, "-y", "-ff", device)
        disk.run("lvm", "vgcreate", *only, "-y", "-s", "4M", GROUP, device)
        for name, size in (("root", "24M"), ("swap", "8M"), ("data", "8M")):
            disk.run("lvm", "lvcreate", *only, "-y", "-an", "-Zn", "-Wn", "-L", size, "-n", name, GROUP)
        disk.run("lvm", "lvextend", *only, "-y", "-L", "48M", f"{GROUP}/root")
        write_volume(device, stretches(only, device, "root"), image.read_bytes())
    return [{**part, "group": GROUP, "volume": "root", **described("ext4")}]


def stretches(only, device, volume):
    """Where a logical volume lies on its device: (offset, bytes) in order."""
    start = int(
        disk.run("lvm", "pvs", *only, "--noheadings", "--nosuffix", "--units", "b", "-o", "pe_start", device).split()[
            -1
        ]
    )
    report = disk.run("lvm", "lvs", *only, "--segments", "--reportformat", "json", "--units", "b", "--nosuffix",
                      "-o", "lv_name,seg_start_pe,seg_pe_ranges", GROUP)  # fmt: skip
    rows = json.loads(report[report.index("{") :])["report"][0]["seg"]
    rows = sorted((row for row in rows if row["lv_name"] == volume), key=lambda row: int(row["seg_start_pe"]))
    out = []
    for row in rows:
        first, last = map(int, row["seg_pe_ranges"].rsplit(":", 1)[1].split("-"))
        out.append((start + first * 4 * MIB, (last - first + 1) * 4 * MIB))
    return out


def write_volume(device, where, data):
    with open(device, "r+b") as out:
        for offset, size in where:
            out.seek(offset)
            out.write(data[:size])
            data = data[size:]
    if data:
        raise SystemExit("the logical volume is too short")
