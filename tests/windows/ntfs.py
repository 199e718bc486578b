"""Fills an NTFS volume through ntfs-3g: compressed and WOF files, streams, hard links, junctions, deleted files.

ntfs-3g gives access to what Linux has no word for through extended attributes (its manual, "system.ntfs_..."). What
CompactOS makes (WOF) is a sparse file with a reparse point and a stream WofCompressedData; that stream has the form of a
resource in a WIM file, which wimlib writes.
"""

import hashlib
import os
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

from hive import filetime

COMPRESSED, DIRECTORY, HIDDEN, ARCHIVE = 0x800, 0x10, 0x2, 0x20  # FILE_ATTRIBUTE_*
TAG_WOF, TAG_JUNCTION, TAG_SYMLINK = 0x80000017, 0xA0000003, 0xA000000C
WOF_FORMS = {"xpress4k": (0, "XPRESS", 4096), "lzx": (1, "LZX", 32768), "xpress16k": (3, "XPRESS", 16384)}
CLUSTER = 4096
WIM_COMPRESSED = 4  # flag of a resource


class Volume:
    """A mounted NTFS volume, written to below `root`."""

    def __init__(self, device, root):
        self.device, self.root = device, Path(root)
        self.folders = set()
        self.files = self.bytes = 0

    def __enter__(self):
        self.root.mkdir(parents=True, exist_ok=True)
        options = "streams_interface=windows,compression"
        subprocess.run(["ntfs-3g", "-o", options, self.device, self.root], check=True, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.root], check=True)

    def fill(self, plan):
        """Writes everything of the plan. Deleted files go last, so that nothing is written over them."""
        self.squeeze = self.root / "squeezed"
        self.folder("squeezed")
        set_attributes(self.squeeze, COMPRESSED | DIRECTORY)
        for file in sorted(plan.files, key=lambda file: bool(file.link or file.stream)):
            self.write(file)
        for junction in plan.junctions:
            self.join(junction)
        for path, short in plan.short_names.items():
            os.setxattr(self.root / path, "system.ntfs_dos_name", short.encode())
        self.squeeze.rmdir()
        self.folders.discard("squeezed")
        for file in plan.files:
            if file.form == "deleted":
                (self.root / file.path).unlink()

    def folder(self, path):
        if path and path not in self.folders:
            (self.root / path).mkdir(parents=True, exist_ok=True)
            self.folders.add(path)

    def write(self, file):
        self.folder(file.path.rpartition("/")[0])
        path = self.root / file.path
        if file.link:
            os.link(self.root / file.link, path)
            return
        self.files += 1
        if file.stream:
            if not path.exists():
                path.write_bytes(b"")
            Path(f"{path}:{file.stream}").write_bytes(file.data)
        elif callable(file.data):
            with path.open("wb") as out:
                for piece in file.data():
                    out.write(piece)
                    self.bytes += len(piece)
        elif file.form == "compressed":
            (self.squeeze / "file").write_bytes(file.data)
            (self.squeeze / "file").rename(path)
        elif file.form in WOF_FORMS:
            write_wof(path, file.data, file.form)
        elif file.form == "sparse":
            write_sparse(path, file.data)
        elif file.form == "fragmented":
            write_fragmented(path, file.data)
        else:
            path.write_bytes(file.data)
        self.bytes += 0 if callable(file.data) else len(file.data)
        if file.hidden:
            set_attributes(path, HIDDEN | ARCHIVE)
        time = filetime(file.when)
        os.setxattr(path, "system.ntfs_times", struct.pack("<QQQ", time, time, time))

    def join(self, junction):
        """A junction or a symbolic link to a folder of this drive."""
        self.folder(junction.path)
        target = "C:\\" + junction.target.replace("/", "\\")
        real, shown = ("\\??\\" + target).encode("utf-16le"), target.encode("utf-16le")
        if junction.symbolic:
            names = struct.pack("<HHHHI", 0, len(real), len(real), len(shown), 0) + real + shown
            tag = TAG_SYMLINK
        else:
            names = struct.pack("<HHHH", 0, len(real), len(real) + 2, len(shown)) + real + b"\0\0" + shown + b"\0\0"
            tag = TAG_JUNCTION
        reparse(self.root / junction.path, tag, names)


def set_attributes(path, bits):
    os.setxattr(path, "system.ntfs_attrib", struct.pack("<I", bits))


def reparse(path, tag, data):
    os.setxattr(path, "system.ntfs_reparse_data", struct.pack("<IHH", tag, len(data), 0) + data)


def write_sparse(path, data):
    """`data` with a hole of 64 KiB wherever it holds only zeros."""
    unit = 65536
    with path.open("wb") as out:
        for at in range(0, len(data), unit):
            piece = data[at : at + unit]
            if piece.strip(b"\0"):
                out.seek(at)
                out.write(piece)
        out.truncate(len(data))


def write_fragmented(path, data):
    """`data` written from its end, cluster by cluster: each cluster lies before the one that follows it in the file, so
    that there are as many runs as clusters."""
    with path.open("wb", buffering=0) as out:
        out.truncate(len(data))
        for at in range((len(data) - 1) // CLUSTER * CLUSTER, -1, -CLUSTER):
            out.seek(at)
            out.write(data[at : at + CLUSTER])


def write_wof(path, data, form):
    """`data` as CompactOS stores it: no data in the file itself, all of it in the stream WofCompressedData."""
    number, compressor, chunk = WOF_FORMS[form]
    with path.open("wb") as out:
        out.truncate(len(data))
    Path(f"{path}:WofCompressedData").write_bytes(squeezed(data, compressor, chunk))
    # version and provider (2: in the file itself), then version and algorithm of that provider
    reparse(path, TAG_WOF, struct.pack("<IIII", 1, 2, 1, number))


def squeezed(data, compressor, chunk):
    """`data` as a compressed resource of a WIM file: a table of chunks, then the chunks."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "file").write_bytes(data)
        wim = Path(folder, "out.wim")
        command = ["wimcapture", source, wim, f"--compress={compressor}", f"--chunk-size={chunk}", "--no-acls"]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return resource(wim.read_bytes(), hashlib.sha1(data).digest(), len(data))


def resource(wim, sha1, size):
    """The stored bytes of the resource with this SHA-1: its entry in the table of resources is 50 bytes long."""
    at = wim.rindex(sha1) - 30
    stored, offset, original = struct.unpack_from("<QQQ", wim, at)
    flags, stored = stored >> 56, stored & (1 << 56) - 1
    if not flags & WIM_COMPRESSED or original != size:
        raise ValueError("wimlib did not compress the file")
    return wim[offset : offset + stored]


def make(device, label, start_sector):
    """An empty NTFS volume whose boot sector says where its partition begins."""
    command = ["mkntfs", "-F", "-Q", "-q", "-L", label, "-p", str(start_sector), "-H", "255", "-S", "63", device]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def new_guid(rng):
    """A GUID with braces."""
    return f"{{{uuid.UUID(bytes=rng.randbytes(16), version=4)}}}".upper()
