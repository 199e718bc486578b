"""Packs files into archives: `{name: bytes}` in, the bytes of an archive out."""

import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

from .ground import TIME, Ground

Files = dict[str, bytes]


def zip_archive(files: Files, before: bytes = b"") -> bytes:
    """A zip archive; `before` is a program that unpacks it, as in files that extract themselves."""
    out = io.BytesIO()
    out.write(before)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tar(files: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), TIME, 0o755
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=TIME)


def tar_gz(files: Files) -> bytes:
    return gz(tar(files))


def tar_xz(files: Files) -> bytes:
    return lzma.compress(tar(files), preset=1)


def tar_zst(ground: Ground, files: Files) -> bytes:
    return ground.run("zstd", "-q", "-c", "-", stdin=tar(files))


def unfolded(ground: Ground, files: Files) -> Path:
    """A folder that holds the files, for tools that pack folders."""
    folder = ground.folder()
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
        os.utime(path, (TIME, TIME))
    return folder


def seven_zip(ground: Ground, files: Files) -> bytes:
    folder, out = unfolded(ground, files), ground.folder() / "x.7z"
    ground.run("7zz", "a", "-bd", "-mx=3", "-mtm=off", out, ".", folder=folder)
    return out.read_bytes()


def cab(ground: Ground, files: Files) -> bytes:
    folder, out = unfolded(ground, files), ground.folder() / "x.cab"
    # MSZIP, as Windows' own tools pack.
    ground.run("gcab", "--create", "--zip", "--nopath", out, *(folder / name for name in files))
    return out.read_bytes()


def iso(ground: Ground, files: Files) -> bytes:
    folder, out = unfolded(ground, files), ground.folder() / "x.iso"
    ground.run("xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-V", "DATA", "-o", out, folder)
    return out.read_bytes()


def squashfs(ground: Ground, files: Files) -> bytes:
    folder, out = unfolded(ground, files), ground.folder() / "x.squashfs"
    ground.run("mksquashfs", folder, out, "-quiet", "-no-progress", "-all-root", "-comp", "gzip", "-processors", "1")
    return out.read_bytes()


def cpio(ground: Ground, files: Files) -> bytes:
    """The form of cpio that kernels take as their first file system."""
    folder = unfolded(ground, files)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    list_of_names = "".join(name + "\n" for name in names).encode()
    return ground.run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", folder=folder, stdin=list_of_names)
