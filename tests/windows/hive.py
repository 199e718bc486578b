"""Registry hives (regf 1.5) with deleted keys and with keys that only the log holds.

The layout follows Maxim Suhanov's "Windows registry file format specification"; Marvin32 was compared with the hashes in
logs that Windows wrote. A key has a state:

  present   an ordinary key
  deleted   its cells are free and still hold what they held
  log       only in LOG1: the hive was not closed, and whoever reads it without the log does not see the key
"""

import struct

REG_SZ, REG_EXPAND_SZ, REG_BINARY, REG_DWORD, REG_MULTI_SZ, REG_QWORD = 1, 2, 3, 4, 7, 11
NONE = 0xFFFFFFFF
PAGE = 4096
SEGMENT = 16344  # the largest piece of a value that Windows keeps in one cell
LEAF = 1012  # entries that fit in one lh list of a bin of one page
CLEAN = 7  # both sequence numbers of a closed hive; a dirty one has 8 and 7, and its log starts at 7
PRIMARY, LOG = 0, 6  # file types in the base block


def filetime(unix):
    """Seconds since 1970 as a Windows FILETIME."""
    return int((unix + 11644473600) * 10_000_000)


def utf16(text):
    """`text` as Windows stores it, with the closing zero."""
    return (text + "\0").encode("utf-16le")


def encode_value(value):
    """A Python value as (type, bytes): int, str, bytes, or {"expand": str}, {"multi": [str]}, {"qword": int}."""
    if isinstance(value, int):
        return REG_DWORD, struct.pack("<I", value & 0xFFFFFFFF)
    if isinstance(value, str):
        return REG_SZ, utf16(value)
    if isinstance(value, bytes):
        return REG_BINARY, value
    ((form, inner),) = value.items()
    if form == "expand":
        return REG_EXPAND_SZ, utf16(inner)
    if form == "multi":
        return REG_MULTI_SZ, utf16("".join(text + "\0" for text in inner))
    if form == "qword":
        return REG_QWORD, struct.pack("<Q", inner)
    raise ValueError(value)


class Key:
    """A key with its values and the keys below it, by upper-case name."""

    __slots__ = ("keys", "name", "offset", "state", "values", "written")

    def __init__(self, name, written):
        self.name, self.keys, self.values, self.written = name, {}, {}, written
        self.state, self.offset = "present", 0

    def walk(self):
        """This key and all below it."""
        waiting = [self]
        while waiting:
            key = waiting.pop()
            yield key
            waiting.extend(key.keys.values())

    def children(self):
        """The keys right below, in the order Windows sorts them."""
        return sorted(self.keys.values(), key=lambda key: key.name.upper())


class Hive:
    """A hive under construction. `filename` is what the base block says, `written` the time of keys without their own."""

    def __init__(self, filename, written):
        self.filename, self.written = filename, written
        self.root = Key("ROOT", written)

    def set(self, path, values=(), written=None, state="present"):
        """Makes the key `path` (parts divided by backslashes) and sets its values."""
        key = self.root
        for part in filter(None, path.split("\\")):
            below = key.keys.get(part.upper())
            if below is None:
                below = key.keys[part.upper()] = Key(part, written or self.written)
                below.state = state
            elif state == "present":
                below.state = state
            key = below
        for name, value in dict(values).items():
            key.values[name] = encode_value(value)
        return key

    def written_out(self):
        """The hive as `Written`."""
        if all(key.state != "log" for key in self.root.walk()):
            whole = Layout(self, with_log=False)
            return Written(whole.file(CLEAN, CLEAN), None, whole.keys, whole.values)
        whole = Layout(self, with_log=True)
        shorter = Layout(self, with_log=False)
        data = shorter.file(CLEAN + 1, CLEAN)
        return Written(data, log_file(shorter, whole), whole.keys, whole.values)


class Written:
    """What goes to disk: the hive, its LOG1 (None where the hive is closed), and how many keys and values there are."""

    def __init__(self, data, log, keys, values):
        self.data, self.log, self.keys, self.values = data, log, keys, values


def base_block(hive, first, second, kind, root, length):
    """The first page of a hive, or the first sector of a log."""
    block = bytearray(PAGE)
    written = filetime(hive.written)
    struct.pack_into("<4sIIQIIIIIII", block, 0, b"regf", first, second, written, 1, 5, kind, 1, root, length, 1)
    name = hive.filename.encode("utf-16le")[-62:]
    block[0x30 : 0x30 + len(name)] = name
    checksum = 0
    for (word,) in struct.iter_unpack("<I", block[:508]):
        checksum ^= word
    struct.pack_into("<I", block, 508, {0: 1, NONE: NONE - 1}.get(checksum, checksum))
    return block


def security_descriptor():
    """Everyone may read, SYSTEM and Administrators may do anything: the one descriptor that all keys share."""

    def sid(authority, *parts):
        return struct.pack("<BB6s", 1, len(parts), authority.to_bytes(6, "big")) + struct.pack(
            f"<{len(parts)}I", *parts
        )

    def allow(mask, who):
        return struct.pack("<BBHI", 0, 2, 8 + len(who), mask) + who

    everyone, system, administrators = sid(1, 0), sid(5, 18), sid(5, 32, 544)
    entries = allow(0x20019, everyone) + allow(0xF003F, system) + allow(0xF003F, administrators)
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(entries), 3, 0) + entries
    owner = 20 + len(acl)
    head = struct.pack("<BBHIIII", 1, 0, 0x8004, owner, owner + len(administrators), 0, 20)
    return head + acl + administrators + system


def stored_name(name):
    """A name as it is written, and whether it is Latin-1."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16le"), False


class Layout:
    """A hive laid out in cells, once with and once without what only the log holds.

    Everything that only the log holds, and the lists that name it, come last: the two layouts then differ in few pages.
    """

    def __init__(self, hive, with_log):
        self.hive, self.with_log = hive, with_log
        self.bins, self.free = bytearray(), 0
        self.keys = self.values = 0
        self.cells_of_deleted, self.collected = [], None
        for key in hive.root.walk():
            key.offset = 0
        self.place_all()
        self.close_bin()

    def place_all(self):
        late = []  # (key only the log holds, its parent)
        self.place(self.hive.root, None, late)
        parents = {id(parent): parent for _, parent in late}
        for key in self.hive.root.walk():
            if key.offset and id(key) not in parents:
                self.place_list(key)
        if self.with_log:
            for key, parent in late:
                self.place(key, parent, late)
                for below in key.walk():
                    self.place_list(below)
        for parent in parents.values():
            self.place_list(parent)
        self.free_deleted()
        struct.pack_into("<I", self.bins, self.security + 4 + 12, self.keys)

    # --- cells
    def cell(self, content):
        """A cell with this content, in a new bin if it does not fit in the last one; the offset of the cell."""
        size = -(-(len(content) + 4) // 8) * 8
        if self.free < size:
            self.close_bin()
            at, length = len(self.bins), -(-(size + 32) // PAGE) * PAGE
            self.bins += bytes(length)
            struct.pack_into("<4sIIQQI", self.bins, at, b"hbin", at, length, 0, filetime(self.hive.written), 0)
            self.free = length - 32
        at = len(self.bins) - self.free
        self.free -= size
        struct.pack_into("<i", self.bins, at, -size)
        self.bins[at + 4 : at + 4 + len(content)] = content
        if self.collected is not None:
            self.collected.append((at, size))
        return at

    def close_bin(self):
        if self.free:
            struct.pack_into("<i", self.bins, len(self.bins) - self.free, self.free)

    def free_deleted(self):
        """Frees the cells of deleted keys; neighbours become one free cell, as in Windows."""
        end, start = None, None
        for at, size in sorted(self.cells_of_deleted):
            struct.pack_into("<i", self.bins, at, size)
            if at == end:
                struct.pack_into("<i", self.bins, start, at + size - start)
            else:
                start = at
            end = at + size

    # --- keys and values
    def place(self, key, parent, late):
        """Places `key` and what is below it; keys that only the log holds are put off to `late`."""
        gone = key.state == "deleted"
        if gone and self.collected is None:
            self.collected = []
            self.place_key(key, parent)
            self.place_below(key, late)
            self.place_lists_of_deleted(key)
            self.cells_of_deleted += self.collected
            self.collected = None
            return
        self.place_key(key, parent)
        self.place_below(key, late)

    def place_below(self, key, late):
        for below in key.children():
            if below.state == "log" and key.state != "log":
                late.append((below, key))
            else:
                self.place(below, key, late)

    def place_lists_of_deleted(self, key):
        for below in key.walk():
            self.place_list(below, gone=True)

    def place_key(self, key, parent):
        name, latin = stored_name(key.name)
        key.offset = self.cell(bytes(76 + len(name)))
        if parent is None:  # as Windows does it: the root is the first cell, its security the second
            descriptor = security_descriptor()
            self.security = self.cell(bytes(20 + len(descriptor)))
            at = self.security
            head = struct.pack("<2sHIIII", b"sk", 0, at, at, 1, len(descriptor))
            self.bins[at + 4 : at + 24 + len(descriptor)] = head + descriptor
        if key.state != "deleted":
            self.keys += 1
        values = [self.place_value(name, *value) for name, value in key.values.items()]
        values_at = self.cell(struct.pack(f"<{len(values)}I", *values)) if values else NONE
        flags = (0x20 if latin else 0) | (0x0C if parent is None else 0)
        named = [below for below in key.keys.values() if self.listed(below)]
        longest_key = max([len(below.name) * 2 for below in named], default=0)
        longest_value = max([len(name) * 2 for name in key.values], default=0)
        longest_data = max([len(data) for _, data in key.values.values()], default=0)
        record = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags, filetime(key.written), 0, parent.offset if parent else NONE,
            0, 0, NONE, NONE, len(values), values_at, self.security, NONE,
            longest_key, 0, longest_value, longest_data, 0, len(name), 0,
        )  # fmt: skip
        self.bins[key.offset + 4 : key.offset + 4 + len(record) + len(name)] = record + name

    def place_value(self, name, kind, data):
        stored, latin = stored_name(name)
        size = len(data)
        if size <= 4:
            at, size = int.from_bytes(data.ljust(4, b"\0"), "little"), size | 0x80000000
        elif size <= SEGMENT:
            at = self.cell(data)
        else:
            pieces = [self.cell(data[start : start + SEGMENT]) for start in range(0, size, SEGMENT)]
            listed = self.cell(struct.pack(f"<{len(pieces)}I", *pieces))
            at = self.cell(struct.pack("<2sHII", b"db", len(pieces), listed, 0))
        self.values += self.collected is None
        flags = 1 if latin and name else 0
        return self.cell(struct.pack("<2sHIIIHH", b"vk", len(stored), size, at, kind, flags, 0) + stored)

    def listed(self, key):
        return key.state == "present" or (self.with_log and key.state == "log")

    def place_list(self, key, gone=False):
        """The list of the keys below `key`: an lh list, or an ri list of such."""
        named = [below for below in key.children() if below.offset and (gone or self.listed(below))]
        if not named:
            return
        leaves = [self.leaf(named[start : start + LEAF]) for start in range(0, len(named), LEAF)]
        at = leaves[0]
        if len(leaves) > 1:
            at = self.cell(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))
        struct.pack_into("<I", self.bins, key.offset + 4 + 0x14, len(named))
        struct.pack_into("<I", self.bins, key.offset + 4 + 0x1C, at)

    def leaf(self, keys):
        return self.cell(
            struct.pack("<2sH", b"lh", len(keys))
            + b"".join(struct.pack("<II", key.offset, name_hash(key.name)) for key in keys)
        )

    def file(self, first, second):
        block = base_block(self.hive, first, second, PRIMARY, self.hive.root.offset, len(self.bins))
        return bytes(block + self.bins)


def name_hash(name):
    """The hash of an lh list."""
    value = 0
    for letter in name.upper():
        value = (value * 37 + ord(letter)) & 0xFFFFFFFF
    return value


def log_file(shorter, whole):
    """LOG1 with one entry (HvLE): the pages in which the two layouts differ."""
    ours, theirs = shorter.bins, whole.bins
    pages = [at for at in range(0, len(theirs), PAGE) if ours[at : at + PAGE] != theirs[at : at + PAGE]]
    body = b"".join(struct.pack("<II", at, PAGE) for at in pages)
    body += b"".join(bytes(theirs[at : at + PAGE]) for at in pages)
    size = -(-(40 + len(body)) // 512) * 512
    body = body.ljust(size - 40, b"\0")
    head = struct.pack("<4sIIIII", b"HvLE", size, 0, CLEAN, len(theirs), len(pages))
    head += struct.pack("<Q", marvin32(body))
    head += struct.pack("<Q", marvin32(head))
    block = base_block(whole.hive, CLEAN, CLEAN, LOG, whole.hive.root.offset, len(theirs))
    return bytes(block[:512]) + head + body


def marvin32(data, seed=0x82EF4D887A4E55C5):
    """Marvin32 with the seed that logs of hives use."""
    mask = 0xFFFFFFFF
    low, high = seed & mask, seed >> 32
    tail = data[len(data) & ~3 :]
    words = [word for (word,) in struct.iter_unpack("<I", data[: len(data) & ~3])]
    words += [int.from_bytes(tail + b"\x80", "little"), 0]
    for word in words:
        low = (low + word) & mask
        high ^= low
        low = ((low << 20 | low >> 12) + high) & mask
        high = (high << 9 | high >> 23) & mask ^ low
        low = ((low << 27 | low >> 5) + high) & mask
        high = (high << 19 | high >> 13) & mask
    return high << 32 | low
