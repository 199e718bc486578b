"""The mass of the tree: hard links to the files of /usr, real contents that take no room on disk."""

import os
import shutil
from pathlib import Path

from .archives import ENDINGS
from .ground import Ground

SOURCE = Path("/usr")


def folders(top: Path, leave_out: Path) -> list[tuple[Path, list[str]]]:
    """Every folder below `top` with its files, in an order that is the same on every run."""
    found = []
    for folder, below, names in os.walk(top):
        folder = Path(folder)
        below[:] = sorted(name for name in below if folder / name != leave_out and not (folder / name).is_symlink())
        files = [name for name in sorted(names) if not (folder / name).is_symlink()]
        if files:
            found.append((folder, files))
    return found


def grow(ground: Ground, files: int):
    """At least `files` files: /usr once as the root's own /usr, then again below /srv/copies; of the last, a part."""
    source = folders(SOURCE, ground.root.parent)
    copied = SOURCE
    done, copy = 0, 0
    while done < files:
        target = ground.root / "usr" if copy == 0 else ground.root / "srv/copies" / str(copy) / "usr"
        order = source
        if sum(len(names) for _, names in source) > files - done:
            order = ground.drawn(source, lambda entry: entry[0])
        before = done
        for folder, names in order:
            below = folder.relative_to(SOURCE)
            (target / below).mkdir(parents=True, exist_ok=True)
            # Machines that hold so many files hold archives once, not once for every copy.
            once = [name for name in names if copy == 0 or name.rpartition(".")[2].lower() not in ENDINGS]
            wanted = once[: files - done]
            done += sum(same(copied / below / name, target / below / name) for name in wanted)
            if done >= files:
                break
        assert done > before, f"no file of {copied} can be read"
        # Where /usr is on another file system, or another's, the first copy costs its size and the others link to it.
        copied = ground.root / "usr"
        copy += 1


def same(source: Path, target: Path) -> bool:
    """The same file under another name. What cannot be read, or is gone by now, is left out."""
    if target.exists():
        return True
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except OSError:
        try:
            shutil.copy2(source, target)
        except OSError:
            return False
    return True
