"""Windows Installer packages by wixl, and the form in which the registry writes their codes.

wixl draws a revision number and takes the time of day for the summary stream; both are replaced, so that the same package
comes out the same each time. The property set is described in [MS-OLEPS].
"""

import os
import re
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hive import filetime

REVISION = re.compile(rb"\x1e\0\0\0\x27\0\0\0(\{[0-9A-F-]{36}\})\0")  # VT_LPSTR of 39 bytes: a GUID
TIME = re.compile(rb"\x40\0\0\0(.{8})", re.DOTALL)  # VT_FILETIME

SOURCE = """<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
 <Product Id={product} Name={name} Language="1033" Version={version} Manufacturer={maker} UpgradeCode={upgrade}>
  <Package InstallerVersion="200" Compressed="yes" Manufacturer={maker} InstallScope="perMachine"/>
  <Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>
  <Directory Id="TARGETDIR" Name="SourceDir">
   <Directory Id="ProgramFilesFolder"><Directory Id="INSTALLDIR" Name="App">
    <Component Id="C1" Guid={component}>
     <File Id="F1" Name={payload} Source={payload} KeyPath="yes"/>
    </Component>
   </Directory></Directory>
  </Directory>
  <Feature Id="Main" Level="1"><ComponentRef Id="C1"/></Feature>
 </Product>
</Wix>
"""


def packed(guid):
    """A GUID as the keys of Windows Installer write it: the digits of each part backwards, pair by pair in the last two."""
    first, second, third, *rest = guid.strip("{}").upper().split("-")
    tail = "".join(rest)
    swapped = "".join(tail[at + 1] + tail[at] for at in range(0, len(tail), 2))
    return first[::-1] + second[::-1] + third[::-1] + swapped


def make(product, upgrade, name, maker, version, payload, when):
    """An unsigned package with one file, `payload` = (name, bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        file, content = payload
        Path(folder, file).write_bytes(content)
        os.utime(Path(folder, file), (when, when))
        values = {"product": product, "name": name, "version": version, "maker": maker, "upgrade": upgrade}
        values |= {"component": code(product, "component"), "payload": file}
        source = SOURCE.format(**{field: quoteattr(text) for field, text in values.items()})
        Path(folder, "p.wxs").write_text(source, encoding="utf-8")
        subprocess.run(["wixl", "-o", "p.msi", "p.wxs"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
        return settled(Path(folder, "p.msi").read_bytes(), code(product, "revision"), when)


def code(product, what):
    """A code made from the product's, the same each time."""
    return f"{{{uuid.uuid5(uuid.NAMESPACE_OID, product + what)}}}".upper()


def settled(data, revision, when):
    """`data` with a revision number and times that do not change from run to run."""
    data = bytearray(data)
    found = REVISION.search(data)
    data[found.start(1) : found.end(1)] = revision.encode()
    at = found.end()
    for _ in range(2):  # made, last saved
        time = TIME.search(data, at, at + 64)
        data[time.start(1) : time.end(1)] = struct.pack("<Q", filetime(when))
        at = time.end()
    return bytes(data)


def entry_of(data, name):
    """Where in a small package the directory has the entry of a stream; `name` as its database has it, a table's with `!`."""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
    table, rest = name.startswith("!"), name.lstrip("!")
    units = [0x4840] if table else []
    for at in range(0, len(rest), 2):
        pair = [letters.index(letter) for letter in rest[at : at + 2]]
        units.append(0x3800 + pair[0] + (pair[1] << 6) if len(pair) == 2 else 0x4800 + pair[0])
    return data.index(struct.pack(f"<{len(units)}H", *units) + b"\0\0")


def in_code_page(data, page, texts):
    """`data` with other texts of the same length, in a code page: no tool here writes one. `texts`: {ASCII: text}."""
    data = bytearray(data)
    for before, after in texts.items():
        wide = after.encode(f"cp{page}")
        if len(wide) != len(before) or data.count(before.encode()) == 0:
            raise ValueError(f"{before}: not there, or not of {len(wide)} letters")
        data = data.replace(before.encode(), wide)
    root = data.index("Root Entry".encode("utf-16le"))
    (small,) = struct.unpack_from("<I", data, root + 116)
    start, size = struct.unpack_from("<II", data, entry_of(data, "!_StringPool") + 116)
    at = (small + 1) * 512 + start * 64 if size < 4096 else (start + 1) * 512
    struct.pack_into("<I", data, at, page)
    return bytes(data)


def patch_of(data):
    """`data`, a package, as a patch: the class of its root is another."""
    kind = uuid.UUID("000c1084-0000-0000-c000-000000000046").bytes_le
    return data.replace(kind, uuid.UUID("000c1086-0000-0000-c000-000000000046").bytes_le, 1)
