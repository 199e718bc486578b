"""Where the tree grows: writes files below its root, and keeps the list of what was planted."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# Every file made here has this time: 2024-01-01 00:00:00 UTC.
TIME = 1_704_067_200


class Lacking(Exception):
    """A tool or a real archive that is needed is not here."""


class Ground:
    """The root of the tree, the tools, and the plants and lookalikes so far."""

    def __init__(self, root: Path, peers: Path, seed: int):
        self.root = root
        self.archives = peers / "archives"
        self.seed = seed
        self.plants: list[dict] = []
        self.lookalikes: list[dict] = []
        self.lacking: list[str] = []
        self.search = f"{peers / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.work = Path(tempfile.mkdtemp(prefix="planting-", dir=root.parent))

    def close(self):
        shutil.rmtree(self.work)

    def path(self, name: str) -> Path:
        assert name.startswith("/"), name
        return self.root / name[1:]

    def write(self, name: str, data: bytes | str, mode: int = 0o644) -> str:
        """A new file of the tree. Much of the tree is links to files of /usr: what is there is never written to."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with open(path, "xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        os.utime(path, (TIME, TIME))
        return name

    def append(self, name: str, text: str):
        path = self.path(name)
        self.write(name, (path.read_text() if path.exists() else "") + text)

    def drawn(self, things: list, name) -> list:
        """The things in the order of a draw that depends on the seed and on each thing's name alone, so that a package
        more or less on this machine changes little."""
        return sorted(things, key=lambda thing: hashlib.sha256(f"{self.seed}\n{name(thing)}".encode()).digest())

    def folder(self) -> Path:
        """A fresh folder to work in."""
        return Path(tempfile.mkdtemp(dir=self.work))

    def run(self, program: str, *arguments: str | Path, folder: Path | None = None, stdin: bytes = b"") -> bytes:
        """Runs a tool, of this machine or fetched by peers.sh, and gives what it prints."""
        found = shutil.which(program, path=self.search)
        if found is None:
            raise Lacking(program)
        date = f"{TIME} +0000"
        own = {"LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": str(TIME)}
        own |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        environment = {**os.environ, **own}
        done = subprocess.run(
            [found, *map(str, arguments)], cwd=folder, env=environment, input=stdin, capture_output=True
        )
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def plant(self, id: str, kind: str, what: str, *at: str, words: tuple[str, ...] = ("kaspersky",)):
        """Notes a trace that a tool should find. It counts as found when a tool reports something at, below or inside
        one of `at` in which one of `words` stands as a whole word."""
        self.plants.append({"id": id, "kind": kind, "what": what, "at": list(at), "words": list(words)})

    def lookalike(self, id: str, what: str, why: str, *at: str, words: tuple[str, ...] = ()):
        """Notes a thing that is no product of the vendor. `words` tell it apart where it shares a file with others."""
        self.lookalikes.append({"id": id, "what": what, "why": why, "at": list(at), "words": list(words)})

    def each(self, makers):
        """Runs every maker; one whose tools are not here is noted and left out."""
        for maker in makers:
            try:
                maker(self)
            except Lacking as lacking:
                self.lacking.append(f"{maker.__module__.rpartition('.')[2]}.{maker.__name__}: no {lacking}")
