"""Programs: PE files with version information, a manifest, a signature; ELF files with a search path and text."""

from functools import cache
from pathlib import Path

from .ground import Ground

VENDOR = "AO Kaspersky Lab"
# As Apple knows the vendor.
TEAM = "2Y8XE5CQ94"


def version(company: str, product: str, description: str, copyright: str, file: str) -> dict[str, str]:
    return {
        "CompanyName": company,
        "FileDescription": description,
        "FileVersion": "21.3.10.391",
        "InternalName": file.rpartition(".")[0],
        "LegalCopyright": copyright,
        "OriginalFilename": file,
        "ProductName": product,
        "ProductVersion": "21.3.10.391",
    }


def of_vendor(file: str) -> dict[str, str]:
    """Version information as the vendor's programs have it."""
    return version(
        VENDOR, "Kaspersky Anti-Virus", "Service host", "© 2023 AO Kaspersky Lab. All Rights Reserved.", file
    )


def pe(ground: Ground, texts: dict[str, str], manifest: str = "", text: str = "") -> bytes:
    """A Windows program that does nothing, by the GNU tools for Windows. `text` lies in its data."""
    folder = ground.folder()
    quoted = "".join(f"\\{byte:03o}" for byte in text.encode())
    (folder / "a.s").write_text(f'.globl start\n.text\nstart: xor %eax,%eax\n ret\n.data\n.asciz "{quoted}"\n')
    values = "".join(f'VALUE "{key}", L"{as_letters(value)}"\n' for key, value in texts.items())
    resources = f"""1 VERSIONINFO
FILEVERSION 21,3,10,391
PRODUCTVERSION 21,3,10,391
FILEOS 0x40004
FILETYPE 0x1
BEGIN
BLOCK "StringFileInfo" BEGIN BLOCK "040904B0" BEGIN
{values}END END
BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x409, 1200 END
END
"""
    if manifest:
        (folder / "a.manifest").write_text(manifest)
        resources += '1 24 "a.manifest"\n'
    (folder / "a.rc").write_text(resources)
    prefix = "x86_64-w64-mingw32-"
    ground.run(f"{prefix}as", "a.s", "-o", "a.o", folder=folder)
    # There is nothing to preprocess.
    ground.run(f"{prefix}windres", "--preprocessor=cat", "a.rc", "-O", "coff", "-o", "r.o", folder=folder)
    ground.run(f"{prefix}ld", "-s", "-e", "start", "--no-insert-timestamp", "a.o", "r.o", "-o", "a.exe", folder=folder)
    return (folder / "a.exe").read_bytes()


def as_letters(value: str) -> str:
    return "".join(letter if letter.isascii() else f"\\x{ord(letter):04x}" for letter in value)


@cache
def vendor_pe(ground: Ground) -> bytes:
    """The program that most plants pack: the vendor's version information, no signature."""
    return pe(ground, of_vendor("host.exe"))


def key_and_certificate(ground: Ground, subject: str) -> tuple[Path, Path]:
    """A key made for this tree and a certificate that it signs itself."""
    folder = ground.folder()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", subject]
    ground.run("openssl", *new, "-keyout", key, "-out", certificate, "-addext", "extendedKeyUsage=codeSigning")
    return key, certificate


def signed(ground: Ground, program: bytes, subject: str) -> bytes:
    folder = ground.folder()
    (folder / "in.exe").write_bytes(program)
    key, certificate = key_and_certificate(ground, subject)
    sign = ["sign", "-certs", certificate, "-key", key, "-h", "sha256", "-time", "1704067200"]
    ground.run("osslsigncode", *sign, "-in", folder / "in.exe", "-out", folder / "out.exe")
    return (folder / "out.exe").read_bytes()


def elf(ground: Ground, rpath: str = "", text: str = "", soname: str = "") -> bytes:
    """A library by the machine's own C compiler."""
    folder = ground.folder()
    (folder / "a.c").write_text(f'const char banner[] = "{text}"; const char *said(void) {{ return banner; }}\n')
    options = [f"-Wl,-rpath,{rpath}"] if rpath else []
    options += [f"-Wl,-soname,{soname}"] if soname else []
    ground.run("cc", "-shared", "-fPIC", "-s", "-O1", "-nostdlib", *options, "a.c", "-o", "a.so", folder=folder)
    return (folder / "a.so").read_bytes()


def starter(ground: Ground) -> bytes:
    """A small ELF program, as stands before an image that carries its own reader."""
    folder = ground.folder()
    (folder / "a.c").write_text("int main(void) { return 0; }\n")
    ground.run("cc", "-s", "-O1", "a.c", "-o", "a", folder=folder)
    program = bytearray((folder / "a").read_bytes())
    # The mark of an AppImage of the second type.
    program[8:11] = b"AI\x02"
    return bytes(program)
