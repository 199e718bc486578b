"""Packages: of Debian, RPM, Alpine, PyPI, npm, Maven, and images of containers."""

import hashlib
import json

from . import packing
from .ground import Ground

KESL = {"name": "kesl", "version": "12.1.0-1543", "title": "Kaspersky Endpoint Security for Linux"}
MAINTAINER = "AO Kaspersky Lab <support@kaspersky.com>"
# A library of the vendor that exists, by its coordinates.
KASPRESSO = ("com.kaspersky.android-components", "kaspresso", "1.5.5")
HEXA_UI = ("@kaspersky/hexa-ui", "6.198.2")
OPENTIP = ("opentip", "1.2")


def stanza(name: str, version: str, maintainer: str, description: str, architecture: str = "amd64") -> str:
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n"
        f"Section: admin\nPriority: optional\nInstalled-Size: 4\nDescription: {description}\n"
    )


def kesl_stanza() -> str:
    return stanza(KESL["name"], KESL["version"], MAINTAINER, KESL["title"])


def dpkg_record(control: str) -> str:
    """The stanza of an installed package, as dpkg keeps it."""
    name, _, rest = control.partition("\n")
    return f"{name}\nStatus: install ok installed\n{rest}\n"


def deb(ground: Ground, control: str, files: packing.Files) -> bytes:
    folder = packing.unfolded(ground, files)
    (folder / "DEBIAN").mkdir()
    (folder / "DEBIAN/control").write_text(control)
    out = ground.folder() / "x.deb"
    ground.run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", folder, out)
    return out.read_bytes()


def kesl_deb(ground: Ground) -> bytes:
    # Neither the names nor the contents of its files speak of the vendor: the control record does.
    return deb(ground, kesl_stanza(), {"usr/share/doc/host/notes": b"nothing\n"})


def rpm(ground: Ground, name: str, version: str, vendor: str, summary: str) -> bytes:
    top = ground.folder()
    spec = top / "x.spec"
    spec.write_text(
        f"Name: {name}\nVersion: {version}\nRelease: 1\nSummary: {summary}\nLicense: Proprietary\nVendor: {vendor}\n"
        "BuildArch: noarch\n%description\nnothing\n%install\nmkdir -p %{buildroot}/usr/share/doc/host\n"
        "echo nothing > %{buildroot}/usr/share/doc/host/notes\n%files\n/usr/share/doc/host/notes\n"
    )
    own = ["_topdir", str(top)], ["_buildhost", "build.example"], ["_binary_payload", "w2.xzdio"]
    defines = [word for key, value in own for word in ("--define", f"{key} {value}")]
    fixed = ["--define", "use_source_date_epoch_as_buildtime 1", "--define", "__os_install_post %{nil}"]
    ground.run("rpmbuild", "-bb", "--quiet", *defines, *fixed, spec)
    return next(top.rglob("*.rpm")).read_bytes()


def rpm_database(ground: Ground, package: bytes) -> bytes:
    """The database of a root in which only `package` is installed."""
    root = ground.folder()
    (root / "x.rpm").write_bytes(package)
    (root / "db").mkdir()
    database = ["--dbpath", str(root / "db"), "--define", "_db_backend sqlite"]
    ground.run("rpm", *database, "--justdb", "--nodeps", "--nosignature", "--nodigest", "-i", root / "x.rpm")
    return (root / "db/rpmdb.sqlite").read_bytes()


def jar(group: str, id: str, version: str) -> bytes:
    """A library as Maven builds it."""
    properties = f"artifactId={id}\ngroupId={group}\nversion={version}\n"
    return packing.zip_archive(
        {
            "META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\n\r\n",
            f"META-INF/maven/{group}/{id}/pom.properties": properties.encode(),
            "a/A.class": b"\xca\xfe\xba\xbe\0\0\0\x37\0\0",
        }
    )


def war() -> bytes:
    """A web application that carries the vendor's library."""
    return packing.zip_archive(
        {"WEB-INF/web.xml": b"<web-app/>", "WEB-INF/lib/testing.jar": jar(*KASPRESSO), "index.html": b"<p>hello</p>"}
    )


def python_metadata(name: str, version: str, author: str, summary: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\nAuthor: {author}\n\n"


def wheel(name: str, version: str, metadata: str) -> bytes:
    info = f"{name}-{version}.dist-info"
    return packing.zip_archive(
        {
            f"{name}/__init__.py": b"",
            f"{info}/METADATA": metadata.encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n".encode(),
        }
    )


def npm_manifest(name: str, version: str, author: str = "") -> bytes:
    manifest = {"name": name, "version": version, "main": "index.js"} | ({"author": author} if author else {})
    return (json.dumps(manifest, indent=2) + "\n").encode()


def docker_save(layers: list[packing.Files]) -> bytes:
    """An image as `docker save` writes it."""
    files: packing.Files = {}
    digests, names = [], []
    for layer in layers:
        data = packing.tar(layer)
        digest = hashlib.sha256(data).hexdigest()
        digests.append(f"sha256:{digest}")
        names.append(f"{digest}/layer.tar")
        files[names[-1]] = data
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}, "config": {}}
    config["history"] = [{"created_by": "COPY"} for _ in layers]
    data = json.dumps(config).encode()
    name = hashlib.sha256(data).hexdigest() + ".json"
    files[name] = data
    manifest = [{"Config": name, "RepoTags": ["shop/web:1"], "Layers": names}]
    files["manifest.json"] = json.dumps(manifest).encode()
    return packing.tar(files)


def oci_layout(ground: Ground, layers: list[packing.Files], name: str = "") -> packing.Files:
    """An image as a folder of the OCI image layout, its layers packed with Zstandard. Its name, if it has one, stands
    in the index, as engines write it there."""
    files: packing.Files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(data: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    layer_type = "application/vnd.oci.image.layer.v1.tar+zstd"
    packed = [blob(packing.tar_zst(ground, layer), layer_type) for layer in layers]
    digests = [f"sha256:{hashlib.sha256(packing.tar(layer)).hexdigest()}" for layer in layers]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}}
    configured = blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "config": configured, "layers": packed}
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    described = blob(json.dumps(manifest).encode(), manifest["mediaType"])
    if name:
        tag = name.rpartition(":")[2]
        described["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()
    return files
