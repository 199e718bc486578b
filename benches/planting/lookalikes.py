"""The lookalikes: things that carry the vendor's name, or letters like it, and are none of its products."""

import json
import os

from . import packages, packing, programs
from .ground import Ground

# Packages of Debian that name the vendor: why they are no product of it, and in which files. A file that is no longer
# in the package is written here and belongs to it.
DEBIAN = {
    "rspamd": (
        "clients that can ask a scanner elsewhere",
        "/usr/share/rspamd/lualib/lua_scanners/kaspersky_av.lua",
        "/usr/share/rspamd/lualib/lua_scanners/kaspersky_se.lua",
    ),
    "amavisd-new": ("a table of scanners it could call", "/etc/amavis/conf.d/15-av_scanners"),
    "spamassassin": ("a comment", "/usr/share/perl5/Mail/SpamAssassin/Plugin/HTTPSMismatch.pm"),
    "lynis": ("an auditor that looks for the agents itself", "/usr/share/lynis/include/tests_malware"),
    "libwireshark-data": ("a copy of a public register", "/usr/share/wireshark/manuf"),
    "nmap-common": (
        "patterns and registers",
        "/usr/share/nmap/nmap-service-probes",
        "/usr/share/nmap/nselib/data/enterprise_numbers.txt",
        "/usr/share/nmap/scripts/http-virustotal.nse",
    ),
    "nagios-nrpe-server": ("one contributed file", "/usr/share/doc/nagios-nrpe-server/copyright"),
}


def debian(ground: Ground):
    for package, (why, *paths) in DEBIAN.items():
        unpack(ground, package, paths)
        ground.lookalike(f"deb-{package}", f"files of the package {package}", why, *paths)


def debian_names(ground: Ground):
    for package in ("klavaro", "klibc-utils"):
        unpack(ground, package, [])
        why = "only its first letters are those of a driver"
        ground.lookalike(f"deb-{package}", "a package", why, "/var/lib/dpkg/status", words=(package,))
    for name, maintainer, why in (
        ("ampvis2", "KasperSkytte <kasperskytte@example.org>", "the letters run across two words of a person's name"),
        ("kics", "Checkmarx <kics@example.org>", "a scanner of infrastructure code by another maker"),
    ):
        control = packages.stanza(name, "1.0-1", maintainer, "a tool")
        ground.append("/var/lib/dpkg/status", packages.dpkg_record(control))
        ground.lookalike(f"deb-{name}", "a package", why, "/var/lib/dpkg/status", words=(name,))


def unpack(ground: Ground, package: str, wanted: list[str]):
    """Puts a package of Debian into the root: files, their list, and the record."""
    files: dict[str, bytes] = {}
    control = packages.stanza(package, "1.0-1", "Debian <debian@example.org>", package)
    archive = next(iter(sorted(ground.archives.glob(f"{package}_*.deb"))), None)
    if archive is not None:
        folder = ground.folder()
        ground.run("dpkg-deb", "--extract", archive, folder)
        control = ground.run("dpkg-deb", "--field", archive).decode()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                files[f"/{path.relative_to(folder)}"] = path.read_bytes()
    for path in wanted:
        files.setdefault(path, f"# {package}: a line that names Kaspersky\n".encode())
    for path, data in files.items():
        ground.write(path, data)
    ground.write(f"/var/lib/dpkg/info/{package}.list", "/.\n" + "".join(f"{path}\n" for path in files))
    ground.append("/var/lib/dpkg/status", packages.dpkg_record(control))


def texts(ground: Ground):
    for id, why, where, text in TEXTS:
        ground.write(where, text)
        ground.lookalike(id, "a text", why, where)


TEXTS = [
    (
        "article",
        "a text about vendors",
        "/srv/www/articles/vendors.html",
        "<p>Reviewers compared Kaspersky, ESET, Bitdefender and others. AO Kaspersky Lab answered by letter.</p>\n",
    ),
    (
        "readme",
        "a project that speaks of the vendor",
        "/srv/source/inventory/README.md",
        "# Inventory\n\nLists installed agents, among them Kaspersky Endpoint Security for Linux (`kesl`).\n",
    ),
    (
        "dictionary",
        "a word list",
        "/usr/share/dict/security",
        "karma\nkaspersky\nkernel\nkerberos\n",
    ),
    (
        "icon",
        "a picture by its name",
        "/usr/share/icons/hicolor/48x48/apps/kaspersky.svg",
        '<svg xmlns="http://www.w3.org/2000/svg"><title>kaspersky</title></svg>\n',
    ),
    (
        "competitors",
        "a list of products that another maker's installer removes",
        "/srv/images/pc7/ProgramData/Setup/competitors.xml",
        '<products><product vendor="Kaspersky Lab" name="Kaspersky Internet Security" service="AVP21.3"/></products>\n',
    ),
    (
        "winapp2",
        "the database of a cleaner",
        "/srv/images/pc7/Program Files/BleachBit/share/Winapp2.ini",
        "[Kaspersky *]\nDetect=HKLM\\SOFTWARE\\KasperskyLab\nFileKey1=%CommonAppData%\\Kaspersky Lab\\AVP*|*.log\n",
    ),
    (
        "kill-list",
        "a script that stops agents: a sign of attack, not of the agent",
        "/srv/samples/stop.bat",
        "net stop klnagent /y\r\nnet stop AVP /y\r\ntaskkill /im avp.exe /f\r\n",
    ),
    (
        "yara-rule",
        "a rule by the vendor's people",
        "/opt/signature-base/yara/apt_kaspersky_duqu2.yar",
        'rule duqu2_like {\n meta: copyright = "Kaspersky Lab"\n strings: $a = "klif.sys"\n condition: $a\n}\n',
    ),
    (
        "sigma-rule",
        "a rule that names paths",
        "/opt/sigma/rules/windows/image_load/filter.yml",
        "detection:\n  filter:\n    Image|startswith: C:\\Program Files (x86)\\Kaspersky Lab\\\n",
    ),
    (
        "virus-names",
        "names that engines give to malware",
        "/srv/feeds/names.txt",
        "Kaspersky: Backdoor.Linux.Gafgyt.a\nKaspersky: HEUR:Trojan.Win32.Generic\n",
    ),
    (
        "scan-report",
        "somebody else scanned",
        "/srv/scans/report.json",
        '{"scans": {"Kaspersky": {"detected": false, "version": "21.0.1.45"}, "ESET": {"detected": false}}}\n',
    ),
    (
        "domain-list",
        "a list of domains, its file called kaspersky",
        "/usr/share/domain-list-community/data/kaspersky",
        "kaspersky.com\nkaspersky-labs.com\nkasperskylabs.com\n",
    ),
    ("hosts", "the names stand there to be blocked", "/etc/hosts", "127.0.0.1 localhost\n0.0.0.0 www.kaspersky.com\n"),
    (
        "mail",
        "a server elsewhere scanned it, and a sender works there",
        "/var/mail/archive/list.mbox",
        "From a@kaspersky.com Mon Jan  1 00:00:00 2024\nX-ATIS-AV: Kaspersky\nSubject: a patch\n\nSee below.\n",
    ),
    (
        "salt-state",
        "intent, not presence",
        "/srv/salt/kes4lwks/init.sls",
        "kesl:\n  pkg.installed: []\n/opt/kaspersky/kesl/bin/kesl-setup.pl:\n  cmd.run: []\n",
    ),
    (
        "deploy-script",
        "intent, not presence",
        "/srv/images/pc7/Scripts/Deploy-KasperskyAV-viaGPO.ps1",
        "Start-Process \\\\server\\share\\kes_win\\setup_kes.exe # Kaspersky Endpoint Security\n",
    ),
    (
        "document",
        "documentation",
        "/srv/docs/kesl.md",
        "# Running beside KESL\n\nExclude the folders of the container runtime in kesl.ini.\n",
    ),
    (
        "stalkerware-list",
        "a list of indicators",
        "/opt/stalkerware-indicators/watchware.yaml",
        "- name: SafeKids\n  packages:\n  - com.kaspersky.safekids\n",
    ),
    (
        "listing",
        "the list of another machine's files",
        "/srv/backup/pc7.files.txt",
        "/opt/kaspersky/kesl/bin/kesl-control\n/opt/kaspersky/klnagent64/sbin/klnagent\n",
    ),
    (
        "exporter",
        "a folder whose name goes on after the vendor's",
        "/opt/kaspersky-exporter/README",
        "Exports counters of Kaspersky Security Center for a monitoring system.\n",
    ),
    ("kdl-document", "the ending is shared", "/home/user/.config/zellij/config.kdl", "keybinds { }\n"),
]


def units(ground: Ground):
    for name, program, why in (
        ("kes.service", "/usr/local/bin/kes", "the key server of MinIO"),
        ("kuma-dp.service", "/usr/local/bin/kuma-dp", "the service mesh of Kong"),
        ("klogd.service", "/usr/sbin/klogd", "kernel logging"),
        ("kics.service", "/usr/local/bin/kics", "the scanner of Checkmarx"),
    ):
        program_path = ground.write(program, programs.elf(ground), 0o755)
        text = f"[Unit]\nDescription={name.partition('.')[0]}\n[Service]\nExecStart={program} run\n"
        where = ground.write(f"/etc/systemd/system/{name}", text)
        ground.lookalike(f"unit-{name.partition('.')[0]}", "a unit and its program", why, where, program_path)


def programs_of_others(ground: Ground):
    manifest = (
        '<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">'
        "<description>Removes what Kaspersky Anti-Virus leaves behind</description></assembly>\n"
    )
    windows, installed = "/srv/images/pc7/Windows/System32", "/srv/images/pc7/Program Files"
    table = "klif.sys klnagent.exe Kaspersky"
    others = [
        ("cleaner", f"{installed}/Cleaner/cleaner.exe", "Example", manifest, "", "it only speaks of it"),
        ("edr-table", "/srv/tools/EDRHunt.exe", "Example", "", table, "a table of products"),
        ("kingsoft", "/srv/images/pc7/KAV2007/KAVsvc.exe", "Kingsoft", "", "", "another maker's anti-virus"),
        ("ksld", f"{windows}/drivers/wd/KslD.sys", "Microsoft Corporation", "", "", "a driver of Windows"),
        ("klist", f"{windows}/klist.exe", "Microsoft Corporation", "", "", "lists tickets of Kerberos"),
        ("ultraav", f"{installed}/UltraAV/UltraAV.exe", "Pango", "", "", "the successor, not the vendor"),
        ("avid", f"{installed}/Avid/avp.exe", "Avid Technology", "", "", "a video program of that name"),
    ]
    for id, where, company, manifest, text, why in others:
        file = os.path.basename(where)
        description = "Removes Kaspersky Anti-Virus" if manifest else "Program"
        texts = programs.version(company, company, description, f"Copyright {company}", file)
        ground.write(where, programs.pe(ground, texts, manifest, text))
        ground.lookalike(f"pe-{id}", "a PE file", why, where)
    text = "/opt/kaspersky/kesl/bin/kesl-control Kaspersky Anti-Virus SDK Kaspersky Lab"
    where = ground.write("/opt/audit/bin/agents", programs.elf(ground, text=text), 0o755)
    ground.lookalike("elf-table", "an ELF file", "an auditor with a table of products", where)


def libraries(ground: Ground):
    site = "/srv/apps/notebook/venv/lib/python3.11/site-packages"
    for name, author, summary in (
        ("kasperskytip", "A person", "Kaspersky TIP unofficial API"),
        ("opentip-cli", "A person", "Client of the Kaspersky OpenTIP portal"),
        ("password-converter", "A person", "Converts Kaspersky password manager exports"),
        ("kliff", "A person", "Fits potentials"),
    ):
        info = f"{site}/{name.replace('-', '_')}-1.0.dist-info"
        ground.write(f"{info}/METADATA", packages.python_metadata(name, "1.0", author, summary))
        ground.lookalike(f"pypi-{name}", "a Python package", "made by somebody else", info)
    for name, author in (
        ("kaspersky-shield-browser", "A person"),
        ("@kaspernj/api-maker", "Kasper"),
        ("kpm", "A person"),
    ):
        folder = f"/srv/apps/board/node_modules/{name}"
        ground.write(f"{folder}/package.json", packages.npm_manifest(name, "1.0.0", author))
        ground.lookalike(f"npm-{name.strip('@').replace('/', '-')}", "an npm package", "made by somebody else", folder)
    manifest = packages.npm_manifest("kaspersky-shield-browser", "1.0.0", "A person")
    where = ground.write("/srv/mirror/npm/shield-1.tgz", packing.tar_gz({"package/package.json": manifest}))
    ground.lookalike("npm-tgz-of-others", "an npm package file", "made by somebody else", where)
    wanted = "kasperskytip==1.0\nopentip-cli==0.1.0\nopentips==1.5.1\n"
    where = ground.write("/srv/source/notebook/requirements.txt", wanted)
    ground.lookalike("requirements-of-others", "a list of packages", "made by somebody else", where)
    component = {
        "type": "library",
        "name": "av-client",
        "version": "1.0",
        "publisher": "Example",
        "description": "Asks Kaspersky Scan Engine over HTTP",
        "copyright": "Copyright 2011 Kaspersky Lab ZAO",
        "purl": "pkg:npm/av-client@1.0",
    }
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [component]}
    where = ground.write("/srv/sboms/board.cdx.json", json.dumps(bill, indent=2) + "\n")
    ground.lookalike("sbom-description", "an SBOM", "description and copyright name no supplier", where)


def packed(ground: Ground):
    texts = {f"rules/{id}.txt": text.encode() for id, _, _, text in TEXTS}
    where = ground.write("/srv/mirror/rules.zip", packing.zip_archive(texts))
    ground.lookalike("rules-zip", "the texts above in a zip archive", "texts", where)
    where = ground.write("/srv/mirror/rules.tar.gz", packing.tar_gz(texts))
    ground.lookalike("rules-tar-gz", "the texts above in a tar.gz", "texts", where)
    where = ground.write("/srv/mirror/ampvis2.jar", packages.jar("com.kasperskytte", "ampvis2", "2.0"))
    ground.lookalike("jar-of-others", "a jar", "a person's name", where)


def certificate(ground: Ground):
    subject = "/O=AO Kaspersky Lab/CN=Kaspersky Anti-Virus Personal Root Certificate"
    _, path = programs.key_and_certificate(ground, subject)
    where = ground.write("/srv/source/proxy/tests/fixtures/inspection.pem", path.read_bytes())
    ground.lookalike("certificate-test", "a certificate", "a test holds it; no store trusts it", where)


def history(ground: Ground):
    """A repository whose history names the vendor."""
    folder = ground.path("/srv/source/report")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "notes.txt").write_text("Kaspersky was removed in 2017.\n")
    person = ["-c", "user.name=A person", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "--template=", "-b", "main"], ["add", "."]):
        ground.run("git", *words, folder=folder)
    message = "Remove Kaspersky Endpoint Security from the image"
    ground.run("git", *person, "commit", "-q", "-m", message, folder=folder)
    ground.lookalike("git-history", "a repository", "its history names the vendor", "/srv/source/report")


def unsigned(ground: Ground):
    where = ground.write("/srv/share/tools/host.exe", programs.vendor_pe(ground))
    why = "anyone can write version information: without a signature or another trace it is only possible"
    ground.lookalike("pe-unsigned", "a PE file that says it is the vendor's, not signed", why, where)


LOOKALIKES = [
    debian,
    debian_names,
    texts,
    units,
    programs_of_others,
    libraries,
    packed,
    certificate,
    history,
    unsigned,
]
