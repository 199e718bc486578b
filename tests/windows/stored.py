"""The same vendor's programs and keys, stored in ways that hide them from whoever reads only plain files and clean hives.

Most have names that say nothing: what finds them is their signature, and so that their content was read right.
"""

import msi
import pe
import records
from ntfs import new_guid
from plan import SID, program_attributes, sha256
from plants import MAKER, put_program, put_uninstall, windows_path
from signing import SIGNERS
from windows import SERVICES, service

TOOLS = "Program Files/Common Files/Maintenance"


def plant_all(plan):
    by_volume(plan)
    by_name(plan)
    linked(plan)
    copies(plan)
    deleted(plan)
    in_log(plan)


def by_volume(plan):
    """Forms that the file system undoes, or a filter of Windows."""
    for form, name, how in (
        ("compressed", "cachesvc.exe", "compressed by NTFS (LZNT1)"),
        ("xpress4k", "indexsvc.exe", "compressed by CompactOS (WOF, XPRESS, chunks of 4 KiB)"),
        ("xpress16k", "themesvc.exe", "compressed by CompactOS (WOF, XPRESS, chunks of 16 KiB)"),
        ("lzx", "audiosvc.exe", "compressed by CompactOS (WOF, LZX, chunks of 32 KiB)"),
    ):
        put_program(plan, f"stored-{form}", "any", f"{TOOLS}/{name}", "Service", form=form, state=form, size=150000,
                    how=f"program with a name that says nothing, {how}")  # fmt: skip
    put_program(plan, "stored-fragmented", "any", f"{TOOLS}/fontsvc.exe", "Service", form="fragmented", state="fragmented",
                size=2_600_000, how="program in as many runs as clusters: its $DATA lies in several records")  # fmt: skip
    notes = "Users/petrova/Documents/notes.txt"
    plan.add(notes, b"milk, bread, tea\r\n")
    put_program(plan, "stored-stream", "any", notes, "Tool", original="tool.exe", stream="tool", state="stream",
                how="program in an alternate data stream of a text", note="file.name of a stream is the reader's choice",
                kind="exe")  # fmt: skip


def by_name(plan):
    put_program(plan, "named-dat", "any", "Windows/Temp/~tmp0041.dat", "", bare=True, kind="dll",
                how="library called .dat, without version information")  # fmt: skip
    put_program(plan, "named-jpg", "any", "Users/ivanov/Pictures/photo_2023.jpg", "Virus removal tool",
                original="KVRT.exe", how="program called a picture")  # fmt: skip
    put_program(plan, "named-chinese", "any", f"{TOOLS}/zh/helper.exe", "卡巴斯基", company="卡巴斯基",
                title="卡巴斯基", language=pe.CHINESE, how="program whose version information is Chinese")  # fmt: skip
    folder = "Users/Администратор/Рабочий стол/Утилиты для бухгалтерии/" + "/".join(["очень длинное имя папки"] * 9)
    put_program(plan, "named-long", "any", f"{folder}/Утилита.exe", "Tool", original="tool.exe",
                how="program with a Cyrillic path of more than 260 letters")  # fmt: skip
    put_program(plan, "named-installer", "kes", "Users/ivanov/Downloads/keswin_12.4.0.467_en_aes256.exe", "Setup",
                original="setup.exe", how="installer in a folder of downloads")  # fmt: skip


def linked(plan):
    """One file with several names, and one with so many that its record needs an attribute list."""
    first, second = f"{TOOLS}/helper.exe", "ProgramData/Maintenance/helper.bin"
    put_program(
        plan, "linked-twice", "any", first, "Helper", how="program with two names", note=f"its other name: /{second}"
    )
    plan.add(second, b"", link=first)
    first = f"{TOOLS}/many/component.dll"
    put_program(plan, "linked-often", "any", first, "Component",
                how="library with 41 names: its record has an $ATTRIBUTE_LIST")  # fmt: skip
    for number in range(40):
        name = f"amd64_component_31bf3856ad364e35_10.0.19041.{number}_none_{'0123456789abcdef' * 6}{number:02}.dll"
        plan.add(f"Windows/WinSxS/Temp/{name}", b"", link=first)


def copies(plan):
    version = pe.version_of(MAKER, "Kaspersky Virus Removal Tool", "KVRT", "20.0.11.0", "KVRT.exe", "2024 " + MAKER)
    data = plan.program(version, signer="kaspersky")
    path = "Users/ivanov/Downloads/tools.zip"
    archive = records.zip_of([("readme.txt", b"Run the tool.\r\n"), ("tools/KVRT.exe", data)])
    plan.add(path, archive)
    attributes = program_attributes("tools/KVRT.exe", version, SIGNERS["kaspersky"])
    attributes["file.path"] = "/" + path + "/tools/KVRT.exe"
    plan.plant("copy-zip", "kvrt", "executable", attributes, path=path, member="tools/KVRT.exe", sha256=sha256(data),
               state="archive", how="program in a zip archive", note="presence: a copy")  # fmt: skip
    path = "Users/ivanov/Downloads/bundle.msi"
    codes = (new_guid(plan.rng), new_guid(plan.rng))
    plan.add(path, msi.make(*codes, "Bundle of tools", "Contoso Ltd", "1.0.0", ("tool.exe", data), plan.day()))
    attributes = program_attributes("F1", version, SIGNERS["kaspersky"])
    attributes["file.path"] = f"/{path}/a.cab/F1"
    plan.plant("copy-msi", "any", "executable", attributes, path=path, member="a.cab/F1", sha256=sha256(data),
               state="archive", how="program in a cabinet in somebody else's package of Windows Installer",
               note="presence: a copy; its name in there is a key of the table File")  # fmt: skip
    path = f"$Recycle.Bin/{SID}1001/$RABC123.exe"
    data = put_program(plan, "copy-recycled", "any", path, "Setup", original="setup_kes.exe", state="recycled",
                       how="program in the recycle bin")  # fmt: skip
    before = "C:\\Users\\ivanov\\Downloads\\setup_kes.exe"
    folder, _, name = path.rpartition("/")
    plan.add(f"{folder}/$I{name[2:]}", records.recycled(before, len(data), plan.day()))


def deleted(plan):
    """A file whose record is free, and keys whose cells are."""
    put_program(plan, "deleted-file", "any", "Windows/Temp/klsetup.tmp", "Setup", original="setup.exe", form="deleted",
                state="deleted", presence="remnant", kind="exe",
                how="program that was deleted: its record and its clusters are still there")  # fmt: skip
    put_uninstall(plan, "deleted-uninstall", "ksws", "SOFTWARE32", "{93EDBC7E-D73F-4401-84A5-79E8CBB8B843}",
                  "Kaspersky Security 10.1.2 for Windows Server", "Kaspersky Lab", "10.1.2.996", state="deleted",
                  presence="remnant", how="uninstall key that was deleted")  # fmt: skip
    service(plan, "KAVFS", '"C:\\Program Files (x86)\\Kaspersky Lab\\kavfs.exe"', "Kaspersky Security Service", 16,
            state="deleted")  # fmt: skip
    plan.plant("deleted-service", "ksws", "service", {"windows.service.name": "KAVFS"}, hive="SYSTEM",
               key=SERVICES + "KAVFS", state="deleted", presence="remnant", how="service whose key was deleted")  # fmt: skip
    key = "KasperskyLab\\InstalledProducts\\Kaspersky Anti-Virus 6.0"
    plan.set("SOFTWARE", "KasperskyLab\\InstalledProducts")
    plan.set("SOFTWARE", key, {"Version": "6.0.4.1424"}, "deleted")
    plan.plant("deleted-key", "kavlegacy", "registry-key", {}, hive="SOFTWARE", key=key, state="deleted",
               presence="remnant", how="vendor's key that was deleted")  # fmt: skip


def in_log(plan):
    """SOFTWARE and SYSTEM were not closed: a product that is only in their LOG1."""
    put_uninstall(plan, "log-uninstall", "ksde", "SOFTWARE32", "{5F0E7C11-52A1-4C43-9B0B-1D1C4F2A7E10}",
                  "Kaspersky VPN", MAKER, "21.9.6.465", state="log",
                  how="uninstall key that only SOFTWARE.LOG1 holds")  # fmt: skip
    key = "WOW6432Node\\KasperskyLab\\KSDE21.9\\environment"
    root = "Program Files (x86)/Kaspersky Lab/Kaspersky VPN 5.9"
    plan.set("SOFTWARE", key, {"ProductName": "Kaspersky VPN", "ProductRoot": windows_path(root)}, "log")
    plan.plant("log-environment", "ksde", "registry-key", {}, hive="SOFTWARE", key=key, state="log",
               how="vendor's key that only SOFTWARE.LOG1 holds",
               note="its ProductRoot is not on disk")  # fmt: skip
    service(plan, "KSDE5.9", f'"{windows_path(root)}\\ksde.exe" -r', "Kaspersky VPN Secure Connection Service 5.9", 16,
            state="log")  # fmt: skip
    plan.plant("log-service", "ksde", "service", {"windows.service.name": "KSDE5.9"}, hive="SYSTEM",
               key=SERVICES + "KSDE5.9", state="log", how="service that only SYSTEM.LOG1 holds")  # fmt: skip
