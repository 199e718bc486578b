#!/usr/bin/env python3
"""An image, and every SBOM that Syft writes of it: the library findings must be the same, or the difference is printed.

`tests/validate/sbom.py OSTRAKON SYFT`: makes an image of a package database, npm and Python packages, a jar, a Go program and
lock files; looks at the image, then at each SBOM. Exit code 1 if a format lacks a finding of a library that the image has.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates/collect/fixtures"
FORMATS = [
    "cyclonedx-json@1.4", "cyclonedx-json@1.5", "cyclonedx-json@1.6", "cyclonedx-xml@1.4", "cyclonedx-xml@1.5",
    "cyclonedx-xml@1.6", "spdx-json@2.2", "spdx-json@2.3", "spdx-tag-value@2.2", "spdx-tag-value@2.3",
]


def write(root: pathlib.Path, path: str, text: str):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def image(folder: pathlib.Path) -> pathlib.Path:
    """An archive as `docker save` writes it, of one layer."""
    root = folder / "root"
    write(root, "etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
    status = "Package: {}\nStatus: install ok installed\nMaintainer: {}\nArchitecture: amd64\nVersion: {}\n\n"
    packages = [("nano", "Editors <e@example.org>", "7.2"), ("kesl", "AO Kaspersky Lab", "12.1.0-1543")]
    write(root, "var/lib/dpkg/status", "".join(status.format(*package) for package in packages))
    npm = {"name": "@kaspersky/hexa-ui", "version": "6.1.0", "license": "MIT"}
    write(root, "usr/lib/node_modules/@kaspersky/hexa-ui/package.json", json.dumps(npm))
    wheel = "usr/lib/python3/dist-packages/triangle_check-1.0.dist-info"
    write(root, f"{wheel}/METADATA", "Metadata-Version: 2.1\nName: triangle-check\nVersion: 1.0\n\n")
    write(root, f"{wheel}/RECORD", "")
    jar = root / "opt/app/kaspresso-1.6.0.jar"
    jar.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Title: kaspresso\n\n")
        place = "META-INF/maven/com.kaspersky.android-components/kaspresso/pom.properties"
        archive.writestr(place, "groupId=com.kaspersky.android-components\nartifactId=kaspresso\nversion=1.6.0\n")
    lock = {"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app"}, "node_modules/@kaspersky/hexa-ui-core":
            {"version": "1.0.0", "resolved": "https://registry.example/x.tgz", "integrity": "sha512-AA=="}}}
    write(root, "srv/app/package-lock.json", json.dumps(lock))
    subprocess.run(["tar", "-C", root, "--sort=name", "-cf", folder / "layer.tar", "."], check=True)
    digest = subprocess.run(["sha256sum", folder / "layer.tar"], check=True, capture_output=True, text=True).stdout.split()[0]
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    write(folder, "config.json", json.dumps(config))
    write(folder, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["shop:1"], "Layers": ["layer.tar"]}]))
    saved = folder / "image.tar"
    subprocess.run(["tar", "-C", folder, "-cf", saved, "manifest.json", "config.json", "layer.tar"], check=True)
    return saved


def findings(ostrakon: str, place: pathlib.Path) -> dict[tuple[str, str], set[str]]:
    """Of each product and presence the values that were recognised."""
    command = [ostrakon, "identify", str(place), "--order", "ndaa-2018-1634", "--format", "json", "--quiet"]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    found: dict[tuple[str, str], set[str]] = {}
    for finding in answer["findings"]:
        for it in finding["evidence"]:
            if it["grade"] != "possible":
                # What a package URL says besides name and version differs by who writes it.
                row = f"{it['attribute']}={it['value']}" if it["attribute"] != "purl" else "purl"
                found.setdefault((finding["product"], it["presence"]), set()).add(row)
    return found


def main() -> int:
    ostrakon, syft = sys.argv[1:3]
    lacking = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        saved = image(folder)
        whole = findings(ostrakon, saved)
        print(f"image: {sorted((key, sorted(rows)) for key, rows in whole.items())}")
        for kind in FORMATS:
            out = folder / (kind.replace("@", "-") + {"json": ".json", "xml": ".xml"}.get(kind.split("@")[0].rsplit("-")[-1], ".spdx"))
            made = subprocess.run([syft, "scan", f"docker-archive:{saved}", "-q", "-o", f"{kind}={out}"], check=False)
            if made.returncode != 0:
                print(f"{kind}: syft cannot write it")
                continue
            mine = findings(ostrakon, out)
            # Syft does not read lock files of images: what is only asked for is in the image's answer alone.
            asked = {key for key in whole if key[1] == "declared"}
            missing = {key: rows - mine.get(key, set()) for key, rows in whole.items() if key not in asked}
            missing = {key: sorted(rows) for key, rows in missing.items() if rows}
            more = {key: sorted(rows - whole.get(key, set())) for key, rows in mine.items() if rows - whole.get(key, set())}
            # An SBOM names suppliers; a package database gives a maintainer instead.
            more = {key: [row for row in rows if not row.startswith("sbom.supplier=")] for key, rows in more.items()}
            more = {key: rows for key, rows in more.items() if rows}
            same = "the same, but for what lock files ask for and for suppliers" if not missing and not more else ""
            print(f"{kind}: {same}")
            for key, rows in missing.items():
                print(f"    only in the image: {key} {rows}")
            for key, rows in more.items():
                print(f"    only in the SBOM: {key} {rows}")
            lacking += len(missing)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
