"""Small binary and text records in which Windows notes programs: tasks, links, traces of what ran, certificates.

Sources: [MS-SHLLINK] (links), the schema of the Task Scheduler, Eric Zimmerman's AppCompatCacheParser and libyal's winreg-kb
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


def link(target, description, when):
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
    kind = uuid.UUID("00021401-0000-0000-c000-000000000046").bytes_le
    time = filetime(when)
    shell = struct.pack("<I16sIIQQQIIIHHII", 0x4C, kind, 0x86, 0x20, time, time, time, 0, 0, 1, 0, 0, 0, 0)
    return shell + info + struct.pack("<H", len(description)) + description.encode("utf-16le") + bytes(4)


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
