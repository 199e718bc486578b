"""What goes into the volume, and what the truth says of it."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dossier
import pe
from hive import Hive

INSTALLED = int(datetime(2024, 2, 14, 9, 12, tzinfo=UTC).timestamp())
DAY = 86400
SID = "S-1-5-21-1004336348-1177238915-682003330-"
USERS = {"ivanov": SID + "1001", "Администратор": SID + "500", "petrova": SID + "1002"}
COMPUTER = "BUH-PC01"

CONFIG = "Windows/System32/config/"
HIVES = {  # name: (file in the volume, name in the base block)
    "SOFTWARE": (CONFIG + "SOFTWARE", "\\SystemRoot\\System32\\Config\\SOFTWARE"),
    "SYSTEM": (CONFIG + "SYSTEM", "SYSTEM"),
    "SAM": (CONFIG + "SAM", "\\SystemRoot\\System32\\Config\\SAM"),
    "SECURITY": (CONFIG + "SECURITY", "\\SystemRoot\\System32\\Config\\SECURITY"),
    "DEFAULT": (CONFIG + "DEFAULT", "\\SystemRoot\\System32\\Config\\DEFAULT"),
    "AMCACHE": ("Windows/AppCompat/Programs/Amcache.hve", "\\SystemRoot\\AppCompat\\Programs\\Amcache.hve"),
}
# What an artifact proves when its indicator says no more: ArtifactKind::presence of the program.
PRESENCE = {
    "package": "installed", "service": "installed", "driver": "installed", "extension": "installed",
    "executable": "dormant", "file": "remnant", "certificate": "remnant", "registry-key": "remnant",
    "trace": "remnant",
}  # fmt: skip


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@dataclass
class File:
    """A file to be written. `form` says how the volume stores it."""

    path: str
    data: bytes | Callable
    form: str = "plain"  # plain, compressed, xpress4k, xpress16k, lzx, fragmented, sparse, deleted
    stream: str = ""
    link: str = ""
    when: int = INSTALLED
    hidden: bool = False


@dataclass
class Junction:
    """A folder that stands for another one (`target` from the root of the drive)."""

    path: str
    target: str
    symbolic: bool = False


@dataclass
class Plan:
    """Everything that will be in the volume. `rng` draws what does not matter, the same for the same seed."""

    seed: int
    signing: object
    work: str
    dossiers: dossier.Dossiers
    files: list = field(default_factory=list)
    junctions: list = field(default_factory=list)
    short_names: dict = field(default_factory=dict)  # path: 8.3 name
    hives: dict = field(default_factory=dict)
    plants: list = field(default_factory=list)
    lookalikes: list = field(default_factory=list)
    fits: dict = field(default_factory=dict)  # id of a plant: its indicators
    hives_written: dict = field(default_factory=dict)

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.random_bytes = self.rng.randbytes(1 << 20)

    # --- content
    def junk(self, size):
        """Bytes that do not compress."""
        start = self.rng.randrange(1 << 19)
        repeated = self.random_bytes[start:] + self.random_bytes * (size // len(self.random_bytes) + 1)
        return repeated[:size]

    def code(self, size):
        """Bytes that compress about as well as programs do: words of 16 bytes, some of them drawn anew. Of long ones a
        stretch does not compress at all, so that compressors store pieces of it as they are."""
        words = [self.junk(16) for _ in range(64)]
        out = bytearray()
        while len(out) < size:
            out += self.rng.choice(words) if self.rng.random() < 0.7 else self.rng.randbytes(16)
        if size > 100_000:
            out[40_000:80_000] = self.junk(40_000)
        return bytes(out[:size])

    def day(self):
        """A time within the year after the machine was set up."""
        return INSTALLED + self.rng.randrange(365 * DAY)

    # --- files
    def add(self, path, data, **more):
        """Puts a file into the volume; `path` from its root, parts divided by slashes."""
        more.setdefault("when", self.day())
        self.files.append(File(path, data, **more))

    def program(self, version, kind="exe", signer=None, size=40000, **more):
        """The bytes of a program, signed by `signer`. More: language, bits, gcc; when, stamped, nested of the signature."""
        signature = {name: more.pop(name) for name in ("stamped", "nested") if name in more}
        made = pe.Program(self.code(size), version, kind, stamp=self.day(), **more)
        data = pe.build(made, self.work)
        return self.signing.sign(data, signer, self.day(), **signature) if signer else data

    # --- the registry
    def hive(self, name):
        """The hive `name`: one of HIVES, NTUSER:user or USRCLASS:user."""
        if name not in self.hives:
            file, inner = self.place_of(name)
            self.hives[name] = (file, Hive(inner, INSTALLED + 366 * DAY))
        return self.hives[name][1]

    @staticmethod
    def place_of(name):
        which, _, user = name.partition(":")
        if which == "NTUSER":
            return f"Users/{user}/NTUSER.DAT", f"\\??\\C:\\Users\\{user}\\ntuser.dat"
        if which == "USRCLASS":
            folder = f"Users/{user}/AppData/Local/Microsoft/Windows/UsrClass.dat"
            return folder, "\\Windows\\UsrClass.dat"
        return HIVES[name]

    def set(self, hive, key, values=(), state="present"):
        """Sets values of a key; `key` from the root of its hive."""
        self.hive(hive).set(key, values, self.day(), state)

    @staticmethod
    def registry_name(hive, key):
        """The name of a key on the running machine, and as an indicator would write it."""
        which, _, user = hive.partition(":")
        if which == "SYSTEM":
            name = "HKLM\\SYSTEM\\" + key.replace("ControlSet001\\", "CurrentControlSet\\", 1)
        elif which == "NTUSER":
            return f"HKU\\{USERS[user]}\\{key}", f"HKCU\\{key}"
        elif which == "USRCLASS":
            return f"HKU\\{USERS[user]}_Classes\\{key}", f"HKCU\\Software\\Classes\\{key}"
        else:
            name = f"HKLM\\{which}\\{key}"
        return name, name

    # --- the truth
    def plant(self, name, product, kind, attributes, dossier_id="kaspersky", **more):
        """Says that something is there to be found. `more` may give presence, state, path, stream, member, hive, key, sha256,
        how, note, must_find. Indicators and grade are read from the dossier; no fitting one stops the build."""
        attributes = {**attributes, **self.names_of_key(more, attributes)}
        fitting = self.fitting(attributes)
        own = [one for one in fitting if one["dossier"] == dossier_id and one["product"] == product]
        if not own:
            raise ValueError(f"{name}: no indicator of {dossier_id}/{product} fits {attributes}")
        said = [one["presence"] for one in own if "presence" in one]
        record = {
            "id": name,
            "dossier": dossier_id,
            "product": product,
            "presence": more.pop("presence", said[0] if said else PRESENCE[kind]),
            "grade": dossier.strongest(own) or "supporting",
            "kind": kind,
            "state": more.pop("state", "present"),
            "must_find": more.pop("must_find", True),
            **self.located(more),
            "attributes": attributes,
            "indicators": [f"{one['dossier']}/{dossier.name_of(one)}" for one in fitting],
        }
        self.fits[name] = fitting
        self.plants.append(record)

    def lookalike(self, name, attributes, **more):
        """Says that something is there and must not count; `at_most` as in the dossier's lookalikes."""
        attributes = {**attributes, **self.names_of_key(more, attributes)}
        fitting = self.fitting(attributes)
        most = more.pop("at_most", None)
        counted = [one for one in fitting if not one.get("supporting")]
        if (counted and not most) or any(one["grade"] == "confirmed" for one in counted):
            raise ValueError(f"{name}: {[dossier.name_of(one) for one in counted]} fit {attributes}")
        known = more.pop("known", "")
        if known and known not in self.dossiers.lookalikes:
            raise ValueError(f"{name}: the dossiers have no lookalike {known}")
        record = {
            "id": name,
            "at_most": most,
            "dossier_lookalike": known or None,
            **self.located(more),
            "attributes": attributes,
            "indicators": [f"{one['dossier']}/{dossier.name_of(one)}" for one in fitting],
        }
        self.lookalikes.append(record)

    def fitting(self, attributes):
        """Indicators that fit; paths in a dossier begin at the root of the drive with a slash."""
        spelled = dict(attributes)
        if "windows.registry.key" in spelled:
            key = spelled["windows.registry.key"].replace("\\", "/")
            spelled["windows.registry.key"] = [key, key.replace("/WOW6432Node/", "/")]
        return self.dossiers.fitting(spelled)

    def names_of_key(self, more, attributes):
        """Where the artifact is a key and has no attribute yet, the key's name is one."""
        if attributes or "key" not in more:
            return {}
        full = self.registry_name(more["hive"], more["key"])[1]
        return {"windows.registry.key": full, "windows.registry.key_name": full.rsplit("\\", 1)[-1]}

    def located(self, more):
        """Where it is: a path in the volume, a stream or a member of it, or a key of a hive."""
        out = {}
        if "hive" in more:
            hive, key = more.pop("hive"), more.pop("key")
            out = {"path": "/" + self.place_of(hive)[0], "key": key, "registry": self.registry_name(hive, key)[0]}
            if hive == "AMCACHE":
                del out["registry"]
        if "path" in more:
            out["path"] = "/" + more.pop("path")
        unknown = set(more) - {"stream", "member", "value", "sha256", "how", "note", "what", "links"}
        if unknown:
            raise ValueError(f"unknown: {unknown}")
        return {**out, **more}


def file_attributes(path):
    """The attributes that any file has."""
    return {"file.path": "/" + path, "file.name": path.rsplit("/", 1)[-1]}


def program_attributes(path, version, subject=None, state=None):
    """The attributes of a program: names, version information and signer."""
    names = {
        "CompanyName": "pe.company_name", "FileDescription": "pe.file_description", "FileVersion": "pe.file_version",
        "InternalName": "pe.internal_name", "LegalCopyright": "pe.legal_copyright",
        "OriginalFilename": "pe.original_filename", "ProductName": "pe.product_name",
        "ProductVersion": "pe.product_version",
    }  # fmt: skip
    out = file_attributes(path)
    out |= {names[name]: text for name, text in version.items()}
    signed = dict(subject or ())
    for kind, attribute in (("CN", "common_name"), ("O", "organization"), ("serialNumber", "serial_number")):
        if kind in signed:
            out[f"signature.subject.{attribute}"] = signed[kind]
    out["signature.state"] = state or ("digest-matches" if subject else "unsigned")
    return out
