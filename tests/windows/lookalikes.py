"""What carries the vendor's letters and must not count, or only as a question: most of it after the dossier's lookalikes."""

import pe
from plan import file_attributes, program_attributes, sha256
from plants import MAKER
from signing import SIGNERS
from windows import SERVICES, service, uninstall

FORGED = "© 1997-2010 Kaspersky Lab ZAO."
TEXTS = (  # path, text, lookalike of the dossier
    ("Tools/Invoke-EDRChecker.ps1", "$edr = @('avp.exe','klnagent.exe','Kaspersky')\r\n", "edr-tool-invoke-edrchecker"),
    ("ProgramData/Setup/competitors.xml", "<av name='Kaspersky Endpoint Security' service='AVP'/>\r\n", "competitor-table"),
    ("Program Files/BleachBit/share/Winapp2.ini",
     "[Kaspersky *]\r\nDetect=HKLM\\Software\\KasperskyLab\r\n", "winapp2"),
    ("Scripts/Deploy-KasperskyAV-viaGPO.ps1",
     "Start-Process '\\\\srv\\Kaspersky\\setup_kes.exe'\r\n", "gpo-script"),
    ("Tron/tron.bat", "start KVRT.exe -accepteula\r\n", "tron-script"),
    ("Windows/System32/drivers/etc/hosts", "0.0.0.0 ksn.kaspersky-labs.com\r\n", ""),
    ("Users/ivanov/Documents/kaspersky-review.txt",
     "A review of Kaspersky Endpoint Security; nothing is installed by this file.\r\n", ""),
    ("Users/ivanov/Documents/Письмо от kaspersky.com.eml", "From: news@kaspersky.com\r\n\r\nHello\r\n", ""),
)  # fmt: skip


def plant_all(plan):
    for number, (path, text, known) in enumerate(TEXTS):
        plan.add(path, text.encode())
        plan.lookalike(
            f"text-{number}", file_attributes(path), path=path, known=known, what="the word stands in a text"
        )
    programs(plan)
    forged(plan)
    registry(plan)


def put(plan, name, path, version, signer=None, change=None, state=None, **more):
    """A program that must not count. `change` alters its bytes after it was signed."""
    kind = pe.kind_of(path)
    data = plan.program(version, kind, signer)
    data = change(data) if change else data
    plan.add(path, data)
    attributes = program_attributes(path, version, SIGNERS.get(signer), state)
    plan.lookalike(name, attributes, path=path, sha256=sha256(data), **more)


def programs(plan):
    """Programs of others whose names or makers look like the vendor's."""
    contoso = "Contoso Windows Corporation"
    for name, path, version, signer, known, what in (
        ("ksld", "Windows/System32/drivers/wd/KslD.sys",
         pe.version_of(contoso, "Contoso Windows", "KslD", "4.18.1.1", "KslD.sys"), "windows", "ksld-file",
         "driver of the system's own scanner"),
        ("klist", "Windows/System32/klist.exe",
         pe.version_of(contoso, "Contoso Windows", "Lists tickets", "10.0.1.1", "klist.exe"), "windows", "klist-windows",
         "a tool for Kerberos"),
        ("sharp-edr", "Tools/SharpEDRChecker.exe",
         pe.version_of("Example Trading Ltd", "Checker", "Checker", "1.1.0.0", "SharpEDRChecker.exe"), None,
         "edr-tool-sharpedrchecker", "a tool with a table of products"),
        ("kasperskytte", "Program Files/KasperSkytte/ampvis2.exe",
         pe.version_of("KasperSkytte", "ampvis2", "ampvis2", "2.8.9.0", "ampvis2.exe"), None, "kasperskytte-windows",
         "the letters run across two words"),
        ("slavka", "Program Files/Slavka/slavkavsdk.dll",
         pe.version_of("Slavka", "SlavKAVSDK", "Library", "1.0.0.0", "slavkavsdk.dll"), None, "inner-letters-kavsdk",
         "whole words only"),
        ("importer", "Program Files/Contoso/KasperskyImporter.exe",
         pe.version_of("Contoso Ltd", "Importer", "Imports from Kaspersky Password Manager", "3.1.0.0", "importer.exe"),
         "trading", "", "a tool of others; the word stands in its description"),
    ):  # fmt: skip
        put(plan, f"program-{name}", path, version, signer, known=known, what=what)


def forged(plan):
    """What says that it is the vendor's and is not shown to be: a question at most."""
    ours = pe.version_of(
        MAKER, "Kaspersky Endpoint Security", "Kaspersky Lab Driver", "30.0.0.1", "klif.sys", "2025 " + MAKER
    )
    old = {**ours, "CompanyName": "Kaspersky Lab ZAO", "InternalName": "klwtblfs", "LegalCopyright": FORGED}
    avid = pe.version_of("Avid Technology, Inc.", "Avid", "Avid", "1.0.0.0", "avp.exe")
    bare = pe.version_of("Nobody", "Tool", "Tool", "1.0.0.0", "tool.exe")
    for name, path, version, signer, change, state, known, what in (
        ("unsigned-driver", "Users/petrova/Downloads/klif.sys", ours, None, None, None, "unsigned-driver",
         "unsigned driver with the vendor's name"),
        ("of-another-signer", "Users/petrova/Downloads/other/klif.sys", ours, "trading", None, None, "signed-by-another",
         "driver with the vendor's name, signed by somebody else"),
        ("forged-copyright", "Users/petrova/Downloads/klwtblfs.exe", old, None, None, None, "forged-version-and-name",
         "malware with version information of the vendor's"),
        ("changed-after", "Users/petrova/Desktop/update.exe", bare, "kaspersky", changed, "digest-differs",
         "pasted-signature", "program changed after the vendor signed it"),
        ("avid", "Program Files/Avid/AVP/avp.exe", avid, "avid", None, None, "avp-exe-of-another",
         "avp.exe of another maker"),
    ):  # fmt: skip
        put(plan, f"forged-{name}", path, version, signer, change, state, known=known, what=what, at_most="possible")
    path = "Users/Public/avp.exe"
    data = plan.program(avid)[:1000]
    plan.add(path, data)
    plan.lookalike("forged-truncated", file_attributes(path), path=path, sha256=sha256(data), known="avp-exe-elsewhere",
                   at_most="possible", what="the first 1,000 bytes of a program called avp.exe")  # fmt: skip


def changed(data):
    """`data` with one byte of its code changed."""
    out = bytearray(data)
    out[0x500] ^= 0xFF
    return bytes(out)


def registry(plan):
    for number, (key, title, publisher, known, most) in enumerate((
        ("UltraAV", "UltraAV", "Pango Inc.", "ultraav", None),
        ("KLiteCodecPack_is1", "K-Lite Codec Pack 18.0.0 Full", "KLCP", "k-lite", None),
        ("{0D2E7C33-77A3-4F0B-8A14-3E0C1A5B9D01}", "KasperSkytte ampvis2", "KasperSkytte", "kasperskytte-windows", None),
        ("PwConv", "Password Converter for Kaspersky", "Example Trading Ltd", "converter-for-it", "possible"),
    )):  # fmt: skip
        full = uninstall(plan, "SOFTWARE", key, title, publisher, "1.0")
        attributes = {"windows.uninstall.display_name": title, "windows.uninstall.publisher": publisher}
        plan.lookalike(f"uninstall-{number}", attributes, hive="SOFTWARE", key=full, known=known, at_most=most,
                       what="a program of another maker")  # fmt: skip
    service(plan, "KslD", "system32\\drivers\\wd\\KslD.sys", "KslD", 1, 3)
    attributes = {"windows.service.name": "KslD", "windows.driver.name": "KslD"}
    plan.lookalike("service-ksld", attributes, hive="SYSTEM", key=SERVICES + "KslD", known="ksld-driver",
                   what="driver of the system's own scanner")  # fmt: skip
    plan.set("SOFTWARE", "KasperSkytte\\ampvis2", {"Version": "2.8.9"})
    plan.lookalike("key-kasperskytte", {}, hive="SOFTWARE", key="KasperSkytte\\ampvis2",
                   what="the letters of the vendor's key run on")  # fmt: skip
    restriction = (
        "Policies\\Microsoft\\Windows\\Safer\\CodeIdentifiers\\0\\Paths\\{7272edfb-af9f-4ddf-b65b-e4282f2deefc}"
    )
    plan.set("SOFTWARE", restriction, {"ItemData": "C:\\Program Files (x86)\\Kaspersky Lab\\avp.exe", "SaferFlags": 0})
    plan.lookalike("policy-forbids", {}, hive="SOFTWARE", key=restriction,
                   what="a policy that forbids the vendor's program to run")  # fmt: skip
