"""Archives in the share that servers have them: real ones that peers.sh fetched, and ones packed from parts of /usr."""

import os
import shutil
from pathlib import Path

from . import packing
from .ground import Ground

# One archive of each kind for so many files of the tree, and never none.
FILES_FOR_EACH = 125_000
# Parts of /usr that are packed: of a middling size.
LEAST_FILES, MOST_FILES, MOST_BYTES = 20, 400, 8 << 20

# What stands in the mirrors: packages of Debian (of programs, of data, of Java, and some that name the vendor), of PyPI
# (with Windows programs inside, and without) and of npm (large and small), by how the names of their files begin.
MIRRORS = {
    "/srv/mirror/debian": (
        "klibc-utils_",
        "lynis_",
    ),
    "/srv/mirror/pypi": ("lxml-", "psutil-", "requests-"),
    "/srv/mirror/npm": ("express-", "lodash-", "react-"),
}


def grow(ground: Ground, files: int):
    fetched(ground)
    made(ground, max(1, files // FILES_FOR_EACH))


def fetched(ground: Ground):
    if not ground.archives.is_dir():
        ground.lacking.append("archives: run peers.sh first for real ones")
        return
    for folder, beginnings in MIRRORS.items():
        for beginning in beginnings:
            path = next(iter(sorted(ground.archives.glob(f"{beginning}*"))), None)
            if path is None:
                ground.lacking.append(f"archives: no {beginning}*")
                continue
            target = ground.path(f"{folder}/{path.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(path, target)
            except OSError:
                shutil.copy2(path, target)


def made(ground: Ground, each: int):
    """`each` archives of every kind from parts of the tree's own /usr."""
    kinds = {
        "zip": packing.zip_archive,
        "tar": packing.tar,
        "tar.gz": packing.tar_gz,
        "tar.xz": packing.tar_xz,
        "tar.zst": lambda files: packing.tar_zst(ground, files),
        "7z": lambda files: packing.seven_zip(ground, files),
        "cab": lambda files: packing.cab(ground, {name.rpartition("/")[2]: data for name, data in files.items()}),
        "iso": lambda files: packing.iso(ground, files),
        "squashfs": lambda files: packing.squashfs(ground, files),
        "cpio": lambda files: packing.cpio(ground, files),
    }
    usr = ground.root / "usr"
    parts = ground.drawn(parts_of(usr), lambda part: part.relative_to(usr))
    if not parts:
        ground.lacking.append("archives: no part of /usr has a fitting size")
        return
    for at, (kind, pack) in enumerate(kinds.items()):

        def some(_ground, at=at, kind=kind, pack=pack):
            for number in range(each):
                part = parts[(at * each + number) % len(parts)]
                files = {str(path.relative_to(usr)): path.read_bytes() for path in below(part)}
                ground.write(f"/srv/archives/{kind.replace('.', '-')}/{number:03}.{kind}", pack(files))

        some.__name__ = kind
        ground.each([some])


def parts_of(top: Path) -> list[Path]:
    parts = []
    for folder, below_it, names in os.walk(top):
        below_it.sort()
        if LEAST_FILES <= len(names) <= MOST_FILES:
            sizes = [os.lstat(os.path.join(folder, name)).st_size for name in names]
            if sum(sizes) <= MOST_BYTES:
                parts.append(Path(folder))
    return parts


def below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and os.access(path, os.R_OK))


# The endings of what a tool that opens files would open.
ENDINGS = set(
    "7z apk bz2 cab cpio deb ear egg gz iso jar rpm squashfs tar tbz2 tgz txz vsix war whl xpi xz zip zst".split()
)


def share(top: Path) -> dict[str, int]:
    """How many files of the tree are archives or packed by their names, and their size."""
    files, size = 0, 0
    for folder, _, names in os.walk(top):
        for name in names:
            if name.rpartition(".")[2].lower() in ENDINGS:
                files += 1
                size += os.lstat(os.path.join(folder, name)).st_size
    return {"files": files, "megabytes": size // 1_000_000}
