#!/usr/bin/env python3
"""Makes the tree that the benchmark looks at: real files, archives, traces of a vendor, and things like them.

usage: tree.py [--files N] [--seed N] [--peers FOLDER] FOLDER

FOLDER gets root/, the tree; plants.json, what should be found in it; lookalikes.json, what should not; and made.json,
which says that it is finished, and of what: a finished tree is kept until these sources or what peers.sh fetched have
changed. The tree is a root as on a disk (etc, home, opt, srv, usr, var). The same seed gives the same names and
contents, but for keys, signatures and what tools stamp into their archives.

In archives, for 250,000 files: 20 made ones (two of each kind, 20 MB), 8 fetched ones (5 MB), and those of the
machine's own /usr once: where this was written, 25,000 packed files of 560 MB, 333 MB of them jars and 90 MB
documentation in gzip. The copies below /srv/copies have none. made.json says how it is on this machine.

Needs Python 3.11, cc, git, dpkg-deb, and the tools that peers.sh fetches; what cannot be made without one is said.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

# The sources lie in a project: no compiled copies beside them.
sys.dont_write_bytecode = True

from planting import archives, bulk
from planting.ground import Ground
from planting.lookalikes import LOOKALIKES
from planting.plants import PLANTS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=250_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", type=Path, default=Path(__file__).parent.parent / "target/peers")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    wanted = {"files": arguments.files, "seed": arguments.seed, "from": sources(arguments.peers)}
    made = folder / "made.json"
    if made.is_file() and {key: json.loads(made.read_text()).get(key) for key in wanted} == wanted:
        return
    if folder.exists():
        # Only ever a tree of our own is taken away.
        if any(folder.iterdir()) and not (folder / "root").is_dir():
            sys.exit(f"{folder} is there and is no tree of this program")
        shutil.rmtree(folder)
    (folder / "root").mkdir(parents=True)
    ground = Ground(folder / "root", arguments.peers.absolute(), arguments.seed)
    try:
        bulk.grow(ground, arguments.files)
        archives.grow(ground, arguments.files)
        system(ground)
        ground.each(LOOKALIKES + PLANTS)
    finally:
        ground.close()
    check(ground)
    for name, things in (("plants", ground.plants), ("lookalikes", ground.lookalikes)):
        text = {"schema": f"ostrakon/bench-{name}/1", name: things}
        (folder / f"{name}.json").write_text(json.dumps(text, indent=1) + "\n")
    for lacking in ground.lacking:
        print(f"tree: left out {lacking}", file=sys.stderr)
    counts = {"plants": len(ground.plants), "lookalikes": len(ground.lookalikes), "left_out": ground.lacking}
    made.write_text(json.dumps(wanted | counts | {"archives": archives.share(ground.root)}) + "\n")


def sources(peers: Path) -> str:
    """One word for all that the tree depends on, besides what the machine itself has."""
    here = Path(__file__).parent
    word = hashlib.sha256()
    for path in [here / "tree.py", *sorted((here / "planting").glob("*.py"))]:
        word.update(path.read_bytes())
    for folder in ("bin", "archives"):
        if (peers / folder).is_dir():
            word.update("\n".join(sorted(path.name for path in (peers / folder).iterdir())).encode())
    return word.hexdigest()


def system(ground: Ground):
    """What says which system it is, and the package database of this machine, to which those of the tree are added."""
    for name in ("/etc/os-release", "/etc/debian_version"):
        if Path(name).is_file():
            ground.write(name, Path(name).read_bytes())
    own = Path("/var/lib/dpkg")
    if (own / "status").is_file():
        ground.write("/var/lib/dpkg/status", (own / "status").read_bytes().rstrip(b"\n") + b"\n\n")
        for path in sorted((own / "info").glob("*.list")):
            ground.write(f"/var/lib/dpkg/info/{path.name}", path.read_bytes())


def check(ground: Ground):
    """Every thing is there, and none is taken for another."""
    things = ground.plants + ground.lookalikes
    ids = [thing["id"] for thing in things]
    assert len(set(ids)) == len(ids), "an id stands twice"
    places = [(place, thing) for thing in things for place in thing["at"]]
    for place, thing in places:
        assert ground.path(place).exists(), place
        for other_place, other in places:
            inside = other_place == place or other_place.startswith(f"{place}/")
            if other is not thing and inside:
                assert thing["words"] and other["words"], f"{other['id']} lies inside {thing['id']}"


if __name__ == "__main__":
    main()
