"""Small PE programs with version information: written here, or built by MinGW for a second opinion.

Formats: "PE Format" and "VS_VERSIONINFO" in Microsoft's documentation.
"""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

ENGLISH, RUSSIAN, CHINESE = 0x409, 0x419, 0x804
UNICODE = 0x4B0
FIELDS = ("CompanyName", "FileDescription", "FileVersion", "InternalName", "LegalCopyright", "OriginalFilename",
          "ProductName", "ProductVersion")  # fmt: skip
HEADERS = 0x400
TEXT = 0x1000  # the address of the first section
NATIVE, WINDOW, CONSOLE = 1, 2, 3  # subsystems
FIXED_VERSION = 0xFEEF04BD
FILE_TYPES = {"exe": 1, "dll": 2, "sys": 3}


@dataclass
class Program:
    """What a program is made of. `kind` is exe, dll or sys."""

    code: bytes
    version: dict
    kind: str = "exe"
    language: int = ENGLISH
    bits: int = 64
    stamp: int = 0
    gcc: bool = False


def version_of(company, product, description, version, original, copyright_of=None):
    """Version information as vendors fill it in."""
    values = (company, description, version, original.rsplit(".", 1)[0], f"© {copyright_of or company}", original,
              product, version)  # fmt: skip
    return dict(zip(FIELDS, values, strict=True))


def kind_of(path):
    """exe, dll or sys, by the name."""
    ending = path.rsplit(".", 1)[-1].lower()
    return ending if ending in ("dll", "sys") else "exe"


def up(number, unit):
    """`number` rounded up to a multiple of `unit`."""
    return -(-number // unit) * unit


def numbers(version):
    """The four numbers of a version."""
    parts = [int(part) if part.isdigit() else 0 for part in version.split(".")]
    return [min(part, 0xFFFF) for part in (parts + [0, 0, 0, 0])[:4]]


# --- version information
def block(key, value=b"", units=None, text=False, inner=b""):
    """One block of version information: length, length of the value in its own units, type, key, value, inner blocks."""
    body = key.encode("utf-16le") + b"\0\0"
    for part in filter(None, (value, inner)):
        body += bytes(-(6 + len(body)) % 4) + part
    return struct.pack("<HHH", 6 + len(body), len(value) if units is None else units, text) + body


def version_resource(version, language):
    """A VS_VERSIONINFO resource with one table of strings."""

    def padded(data):
        return data + bytes(-len(data) % 4)

    strings = b"".join(
        padded(block(name, (text + "\0").encode("utf-16le"), len(text) + 1, True)) for name, text in version.items()
    )
    high, low, build, revision = numbers(version.get("FileVersion", ""))
    pair = (high << 16 | low, build << 16 | revision)
    fixed = struct.pack("<13I", FIXED_VERSION, 0x10000, *pair, *pair, 0x3F, 0, 0x40004, 1, 0, 0, 0)
    table = block(f"{language:04x}{UNICODE:04x}", units=0, text=True, inner=strings)
    languages = block("Translation", struct.pack("<HH", language, UNICODE))
    inner = padded(block("StringFileInfo", units=0, text=True, inner=table))
    inner += padded(block("VarFileInfo", units=0, text=True, inner=languages))
    return block("VS_VERSION_INFO", fixed, inner=inner)


def resource_section(version, language, address):
    """The .rsrc section: three levels of folders (type 16, name 1, language) down to one resource."""

    def folder(number, target):
        return struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, number, target)

    data = version_resource(version, language)
    below = 0x80000000
    head = folder(16, below | 0x18) + folder(1, below | 0x30) + folder(language, 0x48)
    return head + struct.pack("<IIII", address + 0x58, len(data), 0, 0) + data


# --- the file
def optional_header(bits, kind, code, resources, address, image):
    """The optional header with 16 data directories, of which only the resources' is used."""
    subsystem = {"sys": NATIVE, "dll": WINDOW}.get(kind, CONSOLE)
    sizes = (up(code, 0x200), up(resources, 0x200), 0, TEXT, TEXT)
    common = (0x1000, 0x200, 6, 1, 0, 0, 6, 1, 0, image, HEADERS, 0, subsystem, 0x140)
    if bits == 32:
        head = struct.pack("<HBBIIIIIII", 0x10B, 14, 0, *sizes, address, 0x400000)
        head += struct.pack("<IIHHHHHHIIIIHHIIIIII", *common, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    else:
        head = struct.pack("<HBBIIIIIQ", 0x20B, 14, 0, *sizes, 0x140000000)
        head += struct.pack("<IIHHHHHHIIIIHHQQQQII", *common, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = bytearray(128)
    if resources:
        struct.pack_into("<II", directories, 16, address, resources)
    return head + directories


def section(name, size, address, at, flags):
    return struct.pack("<8sIIIIIIHHI", name, size, address, up(size, 0x200), at, 0, 0, 0, 0, flags)


def written_here(program):
    """The bytes of a program with one section of code and, if it has version information, one of resources."""
    code = program.code or b"\xc3"
    address = TEXT + up(len(code), 0x1000)
    resources = resource_section(program.version, program.language, address) if program.version else b""
    image = address + up(len(resources), 0x1000)
    characteristics = 0x22 | (0x2000 if program.kind == "dll" else 0) | (0x100 if program.bits == 32 else 0)
    optional = optional_header(program.bits, program.kind, len(code), len(resources), address, image)
    machine = 0x14C if program.bits == 32 else 0x8664
    head = bytearray(b"MZ".ljust(0x40, b"\0") + b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21")
    head += b"This program cannot be run in DOS mode.\r\r\n$"
    struct.pack_into("<I", head, 0x3C, 0x80)
    head = head.ljust(0x80, b"\0")
    count = 2 if resources else 1
    head += struct.pack("<4sHHIIIHH", b"PE\0\0", machine, count, program.stamp, 0, 0, len(optional), characteristics)
    head += optional + section(b".text", len(code), TEXT, HEADERS, 0x60000020)
    if resources:
        head += section(b".rsrc", len(resources), address, HEADERS + up(len(code), 0x200), 0x40000040)
    body = code.ljust(up(len(code), 0x200), b"\0") + resources.ljust(up(len(resources), 0x200), b"\0")
    return bytes(head.ljust(HEADERS, b"\0") + body)


def built_by_gcc(program, folder):
    """The same, built by windres and MinGW's gcc in `folder`; the link carries no time, so two runs are equal."""
    folder = Path(folder)
    version = ",".join(map(str, numbers(program.version.get("FileVersion", ""))))
    strings = "".join(f'   VALUE "{name}", "{escaped(text)}"\n' for name, text in program.version.items())
    language = f"{program.language:04X}{UNICODE:04X}"
    (folder / "v.rc").write_text(
        f"#pragma code_page(65001)\n1 VERSIONINFO\nFILEVERSION {version}\nPRODUCTVERSION {version}\nFILEOS 0x40004\n"
        f"FILETYPE {FILE_TYPES[program.kind]}\nBEGIN\n"
        f' BLOCK "StringFileInfo"\n BEGIN\n  BLOCK "{language}"\n  BEGIN\n{strings}  END\n END\n'
        f' BLOCK "VarFileInfo"\n BEGIN\n  VALUE "Translation", 0x{program.language:04X}, 0x{UNICODE:04X}\n END\nEND\n',
        encoding="utf-8",
    )
    filler = ",".join(map(str, program.code))
    (folder / "m.c").write_text(
        f"int start(void) {{ return 0; }}\nconst unsigned char filler[{len(program.code)}] = {{{filler}}};\n"
    )
    call(["x86_64-w64-mingw32-windres", "-c", "65001", "-l", f"0x{program.language:04x}", "v.rc", "v.o"], folder)
    extra = {"dll": ["-shared"], "sys": ["-Wl,--subsystem,native"]}.get(program.kind, [])
    build = ["x86_64-w64-mingw32-gcc", "-Os", "-s", "-nostdlib", "-Wl,-e,start", "-Wl,--no-insert-timestamp"]
    call([*build, *extra, "m.c", "v.o", "-o", "m.bin"], folder)
    return (folder / "m.bin").read_bytes()


def escaped(text):
    """`text` as a string of windres."""
    return text.replace("\\", "\\\\").replace('"', '""')


def call(command, folder):
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)


def build(program, folder):
    """The bytes of `program`; `folder` is for files that MinGW needs."""
    return built_by_gcc(program, folder) if program.gcc else written_here(program)
