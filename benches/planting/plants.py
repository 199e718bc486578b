"""The plants: traces of the vendor that the shipped dossiers recognise, each where such things lie."""

import json
from pathlib import Path

from . import packages, packing, programs
from .ground import Ground, Lacking
from .libraries import LIBRARIES

SIGNER = f"/C=RU/L=Moscow/O={programs.VENDOR}/CN={programs.VENDOR}"


def signed_pe(ground: Ground) -> bytes:
    if not hasattr(ground, "signed_pe"):
        ground.signed_pe = programs.signed(ground, programs.vendor_pe(ground), SIGNER)
    return ground.signed_pe


# Package databases.


def dpkg(ground: Ground):
    ground.append("/var/lib/dpkg/status", packages.dpkg_record(packages.kesl_stanza()))
    ground.write("/var/lib/dpkg/info/kesl.list", "/.\n/opt\n")
    what = "record of an installed Debian package"
    ground.plant("dpkg-record", "package", what, "/var/lib/dpkg/status", words=("kesl",))


def rpm_database(ground: Ground):
    package = packages.rpm(ground, "klnagent64", "15.0.0.12912", programs.VENDOR, "Network Agent")
    where = ground.write("/var/lib/machines/rocky/var/lib/rpm/rpmdb.sqlite", packages.rpm_database(ground, package))
    ground.plant("rpm-record", "package", "record in the RPM database of a container", where, words=("klnagent64",))


def apk_database(ground: Ground):
    where = "/srv/chroots/alpine/lib/apk/db/installed"
    record = f"P:kesl\nV:{packages.KESL['version']}\nA:x86_64\nT:host\nL:Proprietary\nm:{packages.MAINTAINER}\n\n"
    ground.write(where, record)
    ground.plant("apk-record", "package", "record in the apk database of a root", where, words=("kesl",))


def deb_file(ground: Ground):
    where = ground.write("/srv/share/incoming/0001.deb", packages.kesl_deb(ground))
    ground.plant("deb-file", "package", "a .deb file under another name", where, words=("kesl", "kaspersky"))


def rpm_file(ground: Ground):
    package = packages.rpm(ground, "kesl", "12.1.0", programs.VENDOR, "Endpoint Security")
    where = ground.write("/srv/share/incoming/0002.rpm", package)
    ground.plant("rpm-file", "package", "an .rpm file under another name", where, words=("kesl", "kaspersky"))


def deb_in_tar_xz(ground: Ground):
    data = packing.tar_xz({"rollout/0003.deb": packages.kesl_deb(ground)})
    where = ground.write("/srv/share/incoming/rollout.tar.xz", data)
    ground.plant("deb-in-tar-xz", "package", "a .deb file in a tar.xz", where, words=("kesl", "kaspersky"))


# Windows programs.


def pe_signed(ground: Ground):
    where = ground.write("/srv/share/tools/agent.exe", signed_pe(ground))
    ground.plant("pe-signed", "pe", "a signed PE file", where)


def pe_renamed(ground: Ground):
    where = ground.write("/home/user/Documents/holiday.dat", signed_pe(ground))
    ground.plant("pe-renamed", "pe", "the same PE file, named .dat", where)


def pe_driver(ground: Ground):
    neutral = programs.version("Example", "Example", "Filter", "Example", "filter.sys")
    name = "/srv/images/pc7/Windows/System32/drivers/klkbdflt2.sys"
    where = ground.write(name, programs.pe(ground, neutral))
    ground.plant("driver-name", "pe", "a driver by its name", where, words=("klkbdflt2",))


def pe_packed(ground: Ground):
    """The signed PE file in every container, each a plant of its own."""
    program = signed_pe(ground)
    inside = {"bin/run.exe": program, "read.me": b"Run it.\n"}
    inner = packing.zip_archive(inside)
    flat = {"run.exe": program, "read.me": b"Run it.\n"}
    makers = {
        "zip": ("a zip archive", "kit.zip", lambda: inner),
        "zip-zip": ("a zip archive in a zip archive", "kits.zip", lambda: packing.zip_archive({"kit.zip": inner})),
        "tar-gz": ("a tar.gz", "kit.tar.gz", lambda: packing.tar_gz(inside)),
        "tar-zst": ("a tar.zst", "kit.tar.zst", lambda: packing.tar_zst(ground, inside)),
        "7z": ("a 7z archive", "kit.7z", lambda: packing.seven_zip(ground, inside)),
        "cab": ("a cabinet", "kit.cab", lambda: packing.cab(ground, flat)),
        # The places in the archive's list count from the beginning of the file, or, where the archive was put behind
        # the program as it is, from the archive's own.
        "sfx": ("a PE file that extracts itself", "setup.exe", lambda: packing.zip_archive(inside, stub(ground))),
        "sfx-joined": ("a PE file with a zip archive behind it", "setup.exe", lambda: stub(ground) + inner),
        "iso": ("an ISO image", "kit.iso", lambda: packing.iso(ground, inside)),
        "squashfs": ("a squashfs image", "kit.squashfs", lambda: packing.squashfs(ground, inside)),
        "cpio": ("a cpio archive", "kit.cpio", lambda: packing.cpio(ground, inside)),
    }
    for id, (container, name, make) in makers.items():

        def one(_ground, id=id, container=container, name=name, make=make):
            where = ground.write(f"/srv/share/kits/{id}/{name}", make())
            ground.plant(f"pe-in-{id}", "pe", f"the same PE file in {container}", where)

        one.__name__ = f"pe_in_{id}"
        ground.each([one])


def stub(ground: Ground) -> bytes:
    return programs.pe(ground, programs.version("Example", "Setup", "Setup", "Example", "setup.exe"))


# Programs of other systems.


def elf_path(ground: Ground):
    program = programs.elf(ground, rpath="/opt/kaspersky/kesl/lib64")
    where = ground.write("/opt/gateway/lib/filter.so", program, 0o755)
    what = "an ELF file of a neutral name that looks for its libraries in the vendor's folder"
    ground.plant("elf-rpath", "elf", what, where)


def macho(ground: Ground):
    fixtures = Path(__file__).parents[2] / "crates/collect/fixtures"
    sample = fixtures / "macho/real/Applications/Kaspersky.app/Contents/MacOS/kav"
    if not sample.is_file():
        raise Lacking(sample)
    where = ground.write("/srv/share/tools/host.bin", sample.read_bytes(), 0o755)
    what = "a Mach-O file of a neutral name, signed by the vendor's team"
    ground.plant("macho-signed", "macho", what, where, words=("kaspersky", programs.TEAM))


# What an installed product leaves on Linux.


def unit(ground: Ground):
    where = ground.write(
        "/etc/systemd/system/klnagent64.service",
        "[Unit]\nDescription=Network Agent\n[Service]\nExecStart=/opt/kaspersky/klnagent64/sbin/klnagent\n",
    )
    ground.plant("systemd-unit", "service", "a systemd unit", where)


def vendor_folder(ground: Ground):
    program = programs.elf(ground, rpath="/opt/kaspersky/kesl/lib64")
    ground.write("/opt/kaspersky/kesl/libexec/kesl", program, 0o755)
    ground.write("/opt/kaspersky/kesl/doc/notes", "nothing\n")
    ground.plant("vendor-folder", "file", "the vendor's folder with a program", "/opt/kaspersky")


def leftovers(ground: Ground):
    ground.write("/var/opt/kaspersky/klnagent/1103/store.bin", b"\0" * 64)
    ground.plant("leftovers", "file", "what an uninstall left below /var/opt", "/var/opt/kaspersky")


def engine(ground: Ground):
    text = "Kaspersky Anti-Virus SDK"
    program = programs.elf(ground, rpath="/opt/icewarp/kaspersky/lib", text=text)
    where = ground.write("/opt/icewarp/antivirus/kavehost", program, 0o755)
    what = "the engine in another maker's folder: an ELF file with its name and its mark"
    ground.plant("engine-elf", "elf", what, where, words=("kaspersky", "kavehost"))


def root_certificate(ground: Ground):
    subject = f"/O={programs.VENDOR}/CN=Kaspersky Anti-Virus Personal Root Certificate"
    _, certificate = programs.key_and_certificate(ground, subject)
    # PEM: the vendor's name does not stand in it as text.
    where = ground.write("/usr/local/share/ca-certificates/inspection.crt", certificate.read_bytes())
    ground.plant("root-certificate", "certificate", "a root certificate in the system's store", where)


def extensions(ground: Ground):
    id = "ahkjpbeeocnddjkakilopmfdlnjdpcdm"
    folder = f"/home/user/.config/google-chrome/Default/Extensions/{id}"
    manifest = {"manifest_version": 3, "name": "Protection", "version": "21.3"}
    ground.write(f"{folder}/21.3_0/manifest.json", json.dumps(manifest))
    ground.plant("chrome-extension", "extension", "an extension of Chrome", folder, words=(id,))
    addon = {"id": "light_plugin_F6F079488B53499DB99380A7E11A93F6@kaspersky.com", "location": "app-profile"}
    profile = "/home/user/.mozilla/firefox/ab12.default/extensions.json"
    where = ground.write(profile, json.dumps({"schemaVersion": 35, "addons": [addon | {"version": "5.0"}]}))
    ground.plant("firefox-addon", "extension", "an add-on in a profile of Firefox", where)


# Images.


def layer_with_kesl() -> packing.Files:
    return {
        "var/lib/dpkg/status": packages.dpkg_record(packages.kesl_stanza()).encode(),
        "opt/kaspersky/kesl/doc/notes": b"nothing\n",
    }


def images(ground: Ground):
    base = {"etc/os-release": b"ID=debian\nVERSION_ID=12\n", "app/server": b"#!/bin/sh\n"}
    saved = packages.docker_save([base, layer_with_kesl()])
    where = ground.write("/srv/images/web.tar", saved)
    ground.plant("image-layer", "image", "installed in a layer of a saved image", where, words=("kesl", "kaspersky"))
    clean = {"var/lib/dpkg/status": b"", "opt/.wh.kaspersky": b""}
    where = ground.write("/srv/images/web-clean.tar", packages.docker_save([base, layer_with_kesl(), clean]))
    what = "in a layer of a saved image, deleted by a later layer"
    ground.plant("image-deleted", "image", what, where, words=("kesl", "kaspersky"))


def oci(ground: Ground):
    base = {"etc/os-release": b"ID=alpine\nVERSION_ID=3.20\n"}
    for name, data in packages.oci_layout(ground, [base, {"srv/portal.war": packages.war()}]).items():
        ground.write(f"/srv/images/portal/{name}", data)
    ground.plant("oci-jar", "image", "a jar in a war in a tar.zst layer of an OCI image", "/srv/images/portal")


def oci_name(ground: Ground):
    base = {"etc/os-release": b"ID=alpine\nVERSION_ID=3.20\n"}
    for name, data in packages.oci_layout(ground, [base], "docker.io/malice/kaspersky:latest").items():
        ground.write(f"/srv/images/scanner/{name}", data)
    what = "another maker's image of the vendor's scanner, by the name in an OCI index"
    ground.plant("oci-name", "image", what, "/srv/images/scanner")


def app_image(ground: Ground):
    image = packing.squashfs(ground, {"AppRun": b"#!/bin/sh\n", "usr/lib/run.dat": signed_pe(ground)})
    where = ground.write("/home/user/Applications/viewer.run", programs.starter(ground) + image, 0o755)
    ground.plant("app-image", "image", "a signed PE file in a squashfs behind an ELF file", where)


def initramfs(ground: Ground):
    inside = {"init": b"#!/bin/sh\n", "usr/bin/kesl-control": programs.elf(ground), "etc/hostname": b"rescue\n"}
    where = ground.write("/srv/tftp/rescue/initrd.img", packing.gz(packing.cpio(ground, inside)))
    what = "the product's command in a first file system of a kernel (cpio.gz)"
    ground.plant("initramfs", "image", what, where, words=("kesl-control",))


PLANTS = [
    dpkg,
    rpm_database,
    apk_database,
    deb_file,
    rpm_file,
    deb_in_tar_xz,
    pe_signed,
    pe_renamed,
    pe_driver,
    pe_packed,
    *LIBRARIES,
    elf_path,
    macho,
    unit,
    vendor_folder,
    leftovers,
    engine,
    root_certificate,
    extensions,
    images,
    oci,
    oci_name,
    app_image,
    initramfs,
]
