"""Edits records of an NTFS volume inside a raw disk, for volumes that are wrong on purpose.

Layout after the documentation of the Linux-NTFS project: boot sector, file records with update sequences, attributes.
"""

import struct
from dataclasses import dataclass

END = 0xFFFFFFFF
ATTRIBUTE_LIST, FILE_NAME, INDEX_ALLOCATION = 0x20, 0x30, 0xA0


@dataclass
class Volume:
    """A volume at `offset` of the open file `file`."""

    file: object
    offset: int

    def __post_init__(self):
        boot = self.at(0, 512)
        sector, per_cluster = struct.unpack_from("<HB", boot, 11)
        self.cluster = sector * per_cluster
        (first,) = struct.unpack_from("<Q", boot, 48)
        (size,) = struct.unpack_from("<b", boot, 64)
        self.record_size = 1 << -size if size < 0 else size * self.cluster
        self.mft = [(first, 1 << 40)]
        self.mft = list(self.runs(self.attribute(self.record(0), 0x80)[1]))

    def at(self, position, size):
        self.file.seek(self.offset + position)
        return bytearray(self.file.read(size))

    def put(self, position, data):
        self.file.seek(self.offset + position)
        self.file.write(data)

    def position(self, number):
        """Where record `number` lies, in bytes from the volume's start."""
        want = number * self.record_size
        for first, count in self.mft:
            if want < count * self.cluster:
                return first * self.cluster + want
            want -= count * self.cluster
        raise ValueError(f"no record {number}")

    def record(self, number):
        """A record with its update sequence undone."""
        data = self.at(self.position(number), self.record_size)
        sequence, words = struct.unpack_from("<HH", data, 4)
        for word in range(1, words):
            data[word * 512 - 2 : word * 512] = data[sequence + 2 * word : sequence + 2 * word + 2]
        return data

    def write_record(self, number, data):
        """Writes a record, with its update sequence done again."""
        data = bytearray(data)
        sequence, words = struct.unpack_from("<HH", data, 4)
        for word in range(1, words):
            data[sequence + 2 * word : sequence + 2 * word + 2] = data[word * 512 - 2 : word * 512]
            data[word * 512 - 2 : word * 512] = data[sequence : sequence + 2]
        self.put(self.position(number), data)

    def attribute(self, record, kind):
        """The first attribute of a kind: (its offset in the record, its bytes)."""
        (at,) = struct.unpack_from("<H", record, 20)
        while True:
            found, size = struct.unpack_from("<II", record, at)
            if found == kind:
                return at, record[at : at + size]
            if found == END or not size:
                raise ValueError(f"no attribute {kind:#x}")
            at += size

    @staticmethod
    def runs(attribute):
        """The runs of a non-resident attribute: (first cluster, count)."""
        (at,) = struct.unpack_from("<H", attribute, 32)
        cluster = 0
        while attribute[at]:
            count_size, step_size = attribute[at] & 15, attribute[at] >> 4
            count = int.from_bytes(attribute[at + 1 : at + 1 + count_size], "little")
            step = attribute[at + 1 + count_size : at + 1 + count_size + step_size]
            cluster += int.from_bytes(step, "little", signed=True)
            yield cluster, count
            at += 1 + count_size + step_size

    def reference(self, number):
        """A reference to a record: its number and how often it was used."""
        return number | struct.unpack_from("<H", self.record(number), 16)[0] << 48
