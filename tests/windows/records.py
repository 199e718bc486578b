"""Small binary and text records in which Windows notes programs: tasks, links, traces of what ran, certificates.

Sources: [MS-SHLLINK] (links), [MS-TSCH] (tasks), libyal's libscca (prefetch files), [MS-XCA] (how they are packed), the schema of the Task Scheduler, Eric Zimmerman's AppCompatCacheParser and libyal's winreg-kb
(ShimCache, TaskCache, UserAssist, BAM), dfirblog on the Recycle Bin, wincrypt.h (properties of certificates).
"""

import codecs
import hashlib
import io
import struct
import uuid
import zipfile

from hive import filetime, utf16

CERT_SHA1, CERT_MD5, CERT_KEY_ID, CERT_DER = 3, 4, 20, 32  # CERT_*_PROP_ID


LINK = struct.pack("<I", 0x4C) + uuid.UUID("00021401-0000-0000-c000-000000000046").bytes_le


def link(target, description, when, arguments=""):
    """A shell link (.lnk) to a file on drive C:, with its path in ANSI and in Unicode."""
    ansi, wide = target.encode("cp1251", "replace") + b"\0", utf16(target)
    volume = struct.pack("<IIII", 17, 3, 0x12345678, 16) + b"\0"
    head = 36
    path = head + len(volume)
    suffix = path + len(ansi)
    wide_path = suffix + 1
    wide_suffix = wide_path + len(wide)
    offsets = (wide_suffix + 2, head, 1, head, path, 0, suffix, wide_path, wide_suffix)
    info = struct.pack("<9I", *offsets) + volume + ansi + b"\0" + wide + b"\0\0"
    time = filetime(when)
    flags = 0x86 | (0x20 if arguments else 0)
    shell = LINK + struct.pack("<IIQQQIIIHHII", flags, 0x20, time, time, time, 0, 0, 1, 0, 0, 0, 0)
    texts = b"".join(counted(text) for text in (description, arguments) if text)
    return shell + info + texts + bytes(4)


def link_by_variable(target, relative, icon):
    """A link without a path of a volume: its target begins with a variable, as installers write such. It has a list of the
    shell's items, which says nothing here."""
    items = struct.pack("<HH", 4, 0x1234) + bytes(2)
    shell = LINK + struct.pack("<IIQQQIIIHHII", 0x2C9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
    block = struct.pack("<II", 788, 0xA0000001)
    block += target.encode("ascii").ljust(260, b"\0") + target.encode("utf-16le").ljust(520, b"\0")
    return shell + struct.pack("<H", len(items)) + items + counted(relative) + counted(icon) + block + bytes(4)


def counted(text):
    """A text with the number of its letters before it."""
    return struct.pack("<H", len(text)) + text.encode("utf-16le")


# For each version of prefetch files: the size of its second part, where in the file the times lie, how many, and the count.
PREFETCH = {17: (68, 120, 1, 144), 23: (156, 128, 1, 152), 26: (220, 128, 8, 208), 30: (212, 128, 8, 200),
            31: (212, 128, 8, 200)}  # fmt: skip


def prefetch(version, paths, runs, times, volume="\\VOLUME{01da5f26a9b01234-1a2b3c4d}"):
    """A prefetch file (.pf), not packed. `paths` from the root of the volume: the program, then what it loaded."""
    part, times_at, most, count_at = PREFETCH[version]
    metrics_at, size_of_entry = 84 + part, 20 if version == 17 else 32
    full = [volume + "\\" + path.replace("/", "\\").upper() for path in paths]
    strings, metrics = b"", b""
    # The list is not in the order of loading: the program's own path is not the first.
    for number, path in enumerate(reversed(full)):
        entry = struct.pack("<III", number, 1, 1) if version > 17 else struct.pack("<II", number, 1)
        entry += struct.pack("<III", len(strings), len(path), 2)
        metrics += entry.ljust(size_of_entry, b"\0")
        strings += utf16(path)
    strings_at = metrics_at + len(metrics)
    volume_at = strings_at + len(strings) + len(strings) % 8
    size_of_volume = {17: 40, 23: 104, 26: 104}.get(version, 96)
    about = struct.pack("<IIQI", size_of_volume, len(volume), filetime(1707900000), 0x1A2B3C4D).ljust(size_of_volume, b"\0")
    about += utf16(volume)
    name = full[0].rsplit("\\", 1)[-1][:29]
    out = bytearray(volume_at) + about
    struct.pack_into("<I4sII", out, 0, version, b"SCCA", 0x11, len(out))
    out[16 : 16 + 2 * len(name)] = name.encode("utf-16le")
    struct.pack_into("<II", out, 76, 0x12345678, 0)
    offsets = (metrics_at, len(full), strings_at, 0, strings_at, len(strings), volume_at, 1, len(about))
    struct.pack_into("<9I", out, 84, *offsets)
    for number, when in enumerate(times[:most]):
        struct.pack_into("<Q", out, times_at + 8 * number, filetime(when))
    struct.pack_into("<I", out, count_at, runs)
    out[metrics_at:strings_at] = metrics
    out[strings_at : strings_at + len(strings)] = strings
    return bytes(out)


def packed(data):
    """`data` as Windows 10 and later pack prefetch files: XPRESS with Huffman codes, in a code in which each byte is itself
    and nothing is said twice."""
    if len(data) >= 1 << 16:
        raise ValueError("more than one block")
    code = b"\x88" * 128 + bytes(128)  # eight bits for each byte, none for matches
    even = data + bytes(len(data) % 2)
    words = b"".join(even[at : at + 2][::-1] for at in range(0, len(even), 2))
    return b"MAM\x04" + struct.pack("<I", len(data)) + code + words + bytes(4)


def job(command, arguments, author):
    """A task of Windows XP (.job)."""
    head = struct.pack("<HH16sHH", 0x0501, 1, bytes(16), 70, 0).ljust(68, b"\0") + struct.pack("<H", 0)
    texts = b"".join(
        struct.pack("<H", len(text) + 1) + utf16(text) if text else bytes(2)
        for text in (command, arguments, "", author, "")
    )
    return head + texts + bytes(8)


def task(author, description, command, arguments):
    """The XML of a scheduled task, as Windows\\System32\\Tasks holds it."""
    return (
        '<?xml version="1.0" encoding="UTF-16"?>\r\n'
        '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">\r\n'
        f"  <RegistrationInfo><Author>{author}</Author><Description>{description}</Description></RegistrationInfo>\r\n"
        "  <Triggers><LogonTrigger/></Triggers>\r\n"
        '  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>\r\n'
        f'  <Actions Context="Author"><Exec><Command>"{command}"</Command><Arguments>{arguments}</Arguments></Exec>'
        "</Actions>\r\n</Task>\r\n"
    ).encode("utf-16")


def task_actions(command, arguments):
    """The Actions value of TaskCache: version 3, the context, one action that runs a program (0x6666)."""

    def text(value):
        wide = value.encode("utf-16le")
        return struct.pack("<I", len(wide)) + wide

    return (
        struct.pack("<H", 3)
        + text("Author")
        + struct.pack("<H", 0x6666)
        + text("")
        + text(f'"{command}"')
        + text(arguments)
        + text("")
        + struct.pack("<H", 0)
    )


def shim_cache(entries):
    """The AppCompatCache value of Windows 10: (path, unix time) with the latest first."""
    out = struct.pack("<I", 0x34).ljust(0x34, b"\0")
    for path, when in entries:
        wide = path.encode("utf-16le")
        body = struct.pack("<H", len(wide)) + wide + struct.pack("<QI", filetime(when), 0)
        out += struct.pack("<4sII", b"10ts", 0, len(body)) + body
    return out


def bam(when):
    """A value of the Background Activity Moderator: when a program was last run."""
    return struct.pack("<Q", filetime(when)).ljust(24, b"\0")


def user_assist(path, runs, when):
    """A value of UserAssist: its name (ROT13) and data."""
    data = bytearray(72)
    struct.pack_into("<IIII", data, 0, 0, runs, runs, 60000 * runs)
    struct.pack_into("<Q", data, 60, filetime(when))
    return codecs.encode(path, "rot13"), bytes(data)


def recycled(path, size, when):
    """The $I file beside a $R file in the recycle bin, version 2."""
    return struct.pack("<QQQI", 2, size, filetime(when), len(path) + 1) + utf16(path)


def certificate_blob(der, key_id):
    """The Blob value of a certificate in a system store: properties, each with its id, 1, and length."""
    properties = (
        (CERT_MD5, hashlib.md5(der).digest()),
        (CERT_SHA1, hashlib.sha1(der).digest()),
        (CERT_KEY_ID, key_id),
        (CERT_DER, der),
    )
    return b"".join(struct.pack("<III", which, 1, len(data)) + data for which, data in properties)


def zip_of(members, when=(2024, 5, 1, 0, 0, 0)):
    """A zip archive of (name, bytes) pairs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members:
            archive.writestr(zipfile.ZipInfo(member, when), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
