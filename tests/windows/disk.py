"""The raw disk: its table of partitions and its file systems; and the containers made of it.

Table by sfdisk; containers by qemu-img and, for E01, by ewf-tools.
"""

import subprocess
from contextlib import contextmanager
from pathlib import Path

SECTOR = 512
MIB = 2048  # sectors
ESP, MSR = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
BASIC, RECOVERY = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"
LINUX, LINUX_LVM = "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "E6D6D379-F507-44C2-A23C-238F2A3DF928"
FORMATS = ("raw", "qcow2", "vmdk", "vhdx", "vdi", "vpc", "ewf")


def run(*command, **more):
    """Runs a program; what it wrote is shown where it fails."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run([str(part) for part in command], check=False, text=True, **(streams | more))
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def windows_layout(table, windows_mib, large):
    """The partitions of a Windows disk: (name, type, MiB, file system)."""
    if table == "mbr":
        return [("system reserved", "7", 50 if large else 8, "ntfs"), ("windows", "7", windows_mib, "ntfs"),
                ("recovery", "27", 64 if large else 8, "ntfs")]  # fmt: skip
    return [("efi", ESP, 100 if large else 34, "fat32"), ("msr", MSR, 16 if large else 1, None),
            ("windows", BASIC, windows_mib, "ntfs"), ("recovery", RECOVERY, 64 if large else 8, "ntfs")]  # fmt: skip


def partition(raw, table, layout):
    """Makes `raw` with this table; gives the partitions as truth.json lists them."""
    head = "label: gpt\n" if table == "gpt" else "label: dos\nlabel-id: 0x0571ac0e\n"
    start, lines, partitions = MIB, [], []
    for number, (name, kind, mib, system) in enumerate(layout, 1):
        size = mib * MIB
        extra = f', name="{name}"' if table == "gpt" else ", bootable" if number == 1 else ""
        lines.append(f"start={start}, size={size}, type={kind}{extra}\n")
        partitions.append({"number": number, "name": name, "type": kind, "file_system": system,
                           "offset": start * SECTOR, "size": size * SECTOR})  # fmt: skip
        start += size
    with open(raw, "wb") as out:
        out.truncate((start + MIB) * SECTOR)
    command = ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", raw]
    subprocess.run(command, input=(head + "".join(lines)).encode(), check=True, stdout=subprocess.DEVNULL)
    return partitions


@contextmanager
def loop(raw, part):
    """A loop device for one partition."""
    device = run("losetup", "--show", "-f", "-o", part["offset"], "--sizelimit", part["size"], raw).strip()
    try:
        yield device
    finally:
        run("losetup", "-d", device)


def named(partitions, name):
    return next(part for part in partitions if part["name"] == name)


def file_of(part, raw):
    """How mtools names the file system in a partition of `raw`."""
    return f"{raw}@@{part['offset']}"


def make_fat(raw, part, label):
    """FAT32 with clusters of one sector: with larger ones so small a volume would be no FAT32 to everyone."""
    start = part["offset"] // SECTOR
    options = ["-F", "32", "-s", "1", "-n", label, "-i", "0571AC0E", "-h", start, "--offset", start]
    run("mkfs.fat", *options, raw, part["size"] // 1024)


# --- containers
VMDKS = {"": "monolithicSparse", "-stream": "streamOptimized", "-split": "twoGbMaxExtentSparse"}


def convert(raw, target, form, *options):
    extra = ["-o", ",".join(options)] if options else []
    run("qemu-img", "convert", "-f", "raw", "-O", form, *extra, raw, target)


def containers(raw, formats, folder, stem="disk"):
    """Makes the asked containers of `raw`; gives {name: main file}."""
    folder, made = Path(folder), {}
    for form in formats:
        if form == "raw":
            made["raw"] = Path(raw).name
        elif form == "qcow2":
            made["qcow2"] = f"{stem}.qcow2"
            run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, folder / made["qcow2"])
        elif form == "vmdk":
            for ending, kind in VMDKS.items():
                name = f"{stem}{ending}.vmdk"
                convert(raw, folder / name, "vmdk", f"subformat={kind}")
                made[f"vmdk-{kind}"] = name
        elif form == "vhdx":
            made["vhdx"] = f"{stem}.vhdx"
            convert(raw, folder / made["vhdx"], "vhdx", "subformat=dynamic")
        elif form == "vdi":
            made["vdi"] = f"{stem}.vdi"
            convert(raw, folder / made["vdi"], "vdi")
        elif form == "vpc":
            made["vpc"] = f"{stem}.vhd"
            convert(raw, folder / made["vpc"], "vpc", "subformat=dynamic", "force_size=on")
        elif form == "ewf":
            made["ewf"] = acquire(raw, folder, stem)
    return made


def acquire(raw, folder, stem):
    """An E01 of `raw`, in segments of 3 MiB (of 512 MiB where that would be more than 90)."""
    for old in folder.glob(f"{stem}.E*"):
        old.unlink()
    size = Path(raw).stat().st_size
    segment = 3 << 20 if size < 90 * (3 << 20) else 512 << 20
    about = ["-C", "1", "-D", "test image", "-e", "tests", "-E", "1", "-N", "made up"]
    storage = ["-f", "encase6", "-c", "deflate:fast", "-S", segment, "-m", "fixed", "-M", "physical", "-b", "64"]
    run("ewfacquire", "-u", "-q", "-t", folder / stem, *about, *storage, raw)
    return f"{stem}.E01"
