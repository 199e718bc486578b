"""The machine around the plants: the registry of a Windows 10, users, and files of made-up makers that nobody looks for."""

import json
import struct
from dataclasses import dataclass

import msi
import pe
from ntfs import new_guid
from plan import COMPUTER, INSTALLED, USERS, Junction

WINDOWS_MAKER = "Contoso Windows Corporation"
MAKERS = ["Contoso Ltd", "Fabrikam, Inc.", "Example Browser Corporation", "Northwind Traders", "Adatum Corporation",
          "Litware, Inc.", "Tailspin Toys"]  # fmt: skip
WORDS = ["report", "invoice", "module", "driver", "kernel", "config", "update", "policy", "audio", "video", "print",
         "shell", "theme", "cache", "index", "core", "net", "sec", "user", "data", "host", "proxy", "codec", "font",
         "input", "power"]  # fmt: skip
TEXT_ENDINGS = ["txt", "log", "xml", "json", "ini", "js", "css", "htm", "csv", "inf", "ps1"]
UNINSTALL = "Microsoft\\Windows\\CurrentVersion\\Uninstall\\"
SERVICES = "ControlSet001\\Services\\"
INSTALLER = "Microsoft\\Windows\\CurrentVersion\\Installer\\"
BIG = {"pagefile.sys": 30, "Users/ivanov/Videos/holiday.mp4": 60,
       "Windows/SoftwareDistribution/Download/update.cab": 120}  # fmt: skip


@dataclass
class Amount:
    """How much of what nobody looks for there is."""

    programs: int
    signed: int
    texts: int
    binaries: int
    uninstall: int
    services: int
    classes: int
    packages: int
    links: int
    deleted: int
    largest: int
    big: bool


SMALL = Amount(60, 4, 240, 60, 20, 60, 200, 1, 10, 20, 300_000, False)
LARGE = Amount(1500, 40, 6000, 2500, 140, 420, 30000, 6, 200, 300, 5_000_000, True)


# --- the base
def base(plan):
    """Version, users, control sets, folders every Windows has, and the junctions of Windows that lead round in circles."""
    version = "Microsoft\\Windows NT\\CurrentVersion"
    plan.set("SOFTWARE", version, {
        "ProductName": "Windows 10 Pro", "CurrentBuild": "19045", "DisplayVersion": "22H2", "CurrentVersion": "6.3",
        "InstallationType": "Client", "EditionID": "Professional", "InstallDate": INSTALLED, "SystemRoot": "C:\\Windows",
    })  # fmt: skip
    plan.set("SOFTWARE", "Microsoft\\Windows\\CurrentVersion", {
        "ProgramFilesDir": "C:\\Program Files", "ProgramFilesDir (x86)": "C:\\Program Files (x86)",
        "CommonFilesDir": "C:\\Program Files\\Common Files",
    })  # fmt: skip
    for user, sid in USERS.items():
        profile = {"ProfileImagePath": {"expand": f"C:\\Users\\{user}"}, "State": 0}
        plan.set("SOFTWARE", f"{version}\\ProfileList\\{sid}", profile)
        plan.set(f"NTUSER:{user}", "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer", {"Logon User Name": user})
        plan.set(f"NTUSER:{user}", "Environment", {"TEMP": {"expand": "%USERPROFILE%\\AppData\\Local\\Temp"}})
        shell = "Local Settings\\Software\\Microsoft\\Windows\\Shell"
        plan.set(f"USRCLASS:{user}", shell, {"Version": 1})
    plan.set("SYSTEM", "Select", {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1})
    plan.set("SYSTEM", "ControlSet001\\Control\\ComputerName\\ComputerName", {"ComputerName": COMPUTER})
    plan.set("SYSTEM", "ControlSet001\\Control", {"CurrentUser": "USERNAME"})
    plan.set("SYSTEM", "MountedDevices", {"\\DosDevices\\C:": b"DMIO:ID:" + b"\x11" * 16})
    for name, text in (("SAM", "SAM\\Domains\\Account"), ("SECURITY", "Policy"), ("DEFAULT", "Environment")):
        plan.set(name, text, {"made up": 1})
    plan.set("AMCACHE", "Root\\InventoryApplicationFile", {"WritePermissionsCheck": 1})
    for which in (UNINSTALL, "WOW6432Node\\" + UNINSTALL, INSTALLER + "UserData\\S-1-5-18\\Products"):
        plan.set("SOFTWARE", which.rstrip("\\"))
    plan.set("SYSTEM", SERVICES.rstrip("\\"))
    folders(plan)


def folders(plan):
    """Short names of folders, and junctions as Windows makes them: some point at a folder above themselves."""
    plan.add("Program Files/desktop.ini", b"[.ShellClassInfo]\r\n", hidden=True)
    plan.add("Program Files (x86)/desktop.ini", b"[.ShellClassInfo]\r\n", hidden=True)
    plan.short_names |= {"Program Files": "PROGRA~1", "Program Files (x86)": "PROGRA~2", "ProgramData": "PROGRA~3"}
    plan.junctions += [
        Junction("Documents and Settings", "Users"),
        Junction("ProgramData/Application Data", "ProgramData"),
        Junction("Users/All Users", "ProgramData", symbolic=True),
        Junction("Users/Default/AppData/Local/Temporary Internet Files", "Users/Default/AppData/Local/Temp/Internet"),
    ]
    for user in USERS:
        plan.junctions.append(Junction(f"Users/{user}/AppData/Local/Application Data", f"Users/{user}/AppData/Local"))
        plan.junctions.append(Junction(f"Users/{user}/Мои документы", f"Users/{user}/Documents"))


def service(plan, name, image, display=None, kind=32, start=2, state="present", **more):
    """A service or a driver of the SYSTEM hive. kind: 1 driver, 2 file system driver, 16 and 32 programs."""
    values = {"Type": kind, "Start": start, "ErrorControl": 1, "ImagePath": {"expand": image}}
    values |= {"DisplayName": display} if display else {}
    values |= {"ObjectName": "LocalSystem"} if kind >= 16 else {}
    plan.set("SYSTEM", SERVICES + name, values | more, state)


def uninstall(plan, hive, key, name, publisher, version, state="present", **more):
    """A program in the list of installed programs."""
    values = {"DisplayName": name, "Publisher": publisher, "DisplayVersion": version, "InstallDate": "20240301"}
    values["UninstallString"] = f"MsiExec.exe /X{key}" if key.startswith("{") else "C:\\Windows\\unins000.exe"
    base_key = {"SOFTWARE": UNINSTALL, "SOFTWARE32": "WOW6432Node\\" + UNINSTALL}.get(hive, "Software\\" + UNINSTALL)
    plan.set(hive.removesuffix("32"), base_key + key, values | more, state)
    return base_key + key


def installer_keys(plan, product, name, publisher, version, package, upgrade=None, state="present"):
    """What Windows Installer notes of a product; `package` is the path of the kept package. Gives the product's key."""
    code = msi.packed(product)
    key = f"{INSTALLER}UserData\\S-1-5-18\\Products\\{code}"
    plan.set("SOFTWARE", key + "\\InstallProperties", {
        "LocalPackage": "C:\\" + package.replace("/", "\\"), "DisplayName": name, "Publisher": publisher,
        "DisplayVersion": version, "UninstallString": f"MsiExec.exe /X{product}", "WindowsInstaller": 1,
    }, state)  # fmt: skip
    plan.set("SOFTWARE", f"Classes\\Installer\\Products\\{code}", {"ProductName": name, "Language": 1033}, state)
    if upgrade:
        plan.set("SOFTWARE", f"{INSTALLER}UpgradeCodes\\{msi.packed(upgrade)}", {code: ""}, state)
    return key


def appx(plan, family, version, display, publisher):
    """An MSIX package for all users: its folder, and its keys in SOFTWARE and in a user's classes. Gives the folder."""
    name, _, owner = family.rpartition("_")
    full = f"{name}_{version}_x64__{owner}"
    folder = f"Program Files/WindowsApps/{full}"
    plan.add(folder + "/AppxManifest.xml", (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10">\n'
        f'  <Identity Name="{name}" Publisher="{publisher}" Version="{version}" ProcessorArchitecture="x64"/>\n'
        f"  <Properties><DisplayName>{display}</DisplayName></Properties>\n</Package>\n"
    ).encode())  # fmt: skip
    plan.add(folder + "/AppxBlockMap.xml", b"<BlockMap/>")
    path = "C:\\" + folder.replace("/", "\\")
    store = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\"
    plan.set("SOFTWARE", f"{store}Applications\\{full}", {"Path": path + "\\AppxManifest.xml"})
    plan.set("SOFTWARE", f"{store}{USERS['ivanov']}\\{full}")
    repository = "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\Repository\\Packages\\"
    values = {"PackageID": full, "DisplayName": display, "PackageRootFolder": path}
    plan.set("USRCLASS:ivanov", repository + full, values)
    return folder


# --- what nobody looks for
def noise(plan, amount):
    """Programs, texts, keys and packages of made-up makers."""
    links = programs(plan, amount)
    for number, path in enumerate(links[: amount.links]):
        plan.add(f"Windows/WinSxS/Backup/link{number}_{path.rsplit('/', 1)[-1]}", b"", link=path)
    texts(plan, amount)
    for number in range(amount.binaries):
        binary(plan, number, amount)
    for number in range(amount.deleted):
        plan.add(f"Windows/Temp/del_{number}.tmp", plan.junk(plan.rng.randrange(500, 60000)), form="deleted")
    if amount.big:
        for path, mib in BIG.items():
            plan.add(path, lambda mib=mib: (plan.random_bytes for _ in range(mib)))
    registry(plan, amount)
    for number in range(amount.packages):
        package(plan, number)
    appx(plan, "Contoso.Weather_h5k2m9q8r7t6w", "4.53.1.0", "Weather", "CN=Contoso")
    sparse = bytearray(1 << 20)
    struct.pack_into("<4s", sparse, 0x70000, b"HOLE")
    plan.add("Users/ivanov/AppData/Local/Temp/sparse.bin", bytes(sparse), form="sparse")


def word(plan):
    return plan.rng.choice(WORDS)


def size_up_to(plan, least, most):
    """A size as files have it: mostly small, seldom large."""
    return int(min(most, least * plan.rng.paretovariate(0.9)))


def programs(plan, amount):
    """Programs in the folders of Windows and of made-up makers; gives the paths of those of Windows."""
    rng, of_windows = plan.rng, []
    for number in range(amount.programs):
        folder = rng.choice([
            "Windows/System32", "Windows/SysWOW64", "Windows/System32/drivers", f"Program Files/Common Files/{word(plan)}",
            f"Windows/WinSxS/amd64_{word(plan)}_31bf3856ad364e35_10.0.19041.{rng.randrange(4000)}_none_{number:08x}",
            f"Program Files/{word(plan).title()}{rng.randrange(60)}",
            f"Program Files (x86)/{word(plan).title()}{rng.randrange(60)}",
        ])  # fmt: skip
        ending = "sys" if folder.endswith("drivers") else rng.choice(["dll", "dll", "dll", "exe"])
        name = f"{word(plan)}{word(plan)}{number}.{ending}"
        ours = folder.startswith("Windows")
        maker = WINDOWS_MAKER if ours else rng.choice(MAKERS)
        product = "Contoso® Windows® Operating System" if ours else f"{maker.split()[0]} {word(plan).title()}"
        version = pe.version_of(maker, product, f"{word(plan).title()} {word(plan)}", f"10.0.{number}.1", name)
        made = pe.Program(plan.junk(size_up_to(plan, 8000, amount.largest)), version, ending, stamp=plan.day(),
                          bits=rng.choice([64, 64, 32]))  # fmt: skip
        data = pe.build(made, plan.work)
        if number < amount.signed:
            data = plan.signing.sign(data, "windows" if ours else "trading", plan.day())
        path = f"{folder}/{name}"
        plan.add(path, data)
        if ours:
            of_windows.append(path)
    return of_windows


def texts(plan, amount):
    lines = (" ".join(word(plan) for _ in range(plan.rng.randrange(4, 14))) for _ in range(20000))
    corpus = "\r\n".join(lines).encode()
    users = list(USERS)
    for number in range(amount.texts):
        user = plan.rng.choice(users)
        folder = plan.rng.choice([
            f"Users/{user}/Documents", f"Users/{user}/AppData/Local/Temp", f"Users/{user}/AppData/Roaming/{word(plan)}",
            f"Windows/Logs/{word(plan)}", f"ProgramData/{word(plan)}/cache", "Windows/INF", "Windows/WinSxS/Manifests",
            f"Windows/System32/{word(plan)}", f"Program Files/{word(plan)}/resources",
        ])  # fmt: skip
        size, start = size_up_to(plan, 300, min(amount.largest, 2_000_000)), plan.rng.randrange(len(corpus))
        name = f"{word(plan)}_{word(plan)}_{number}.{plan.rng.choice(TEXT_ENDINGS)}"
        plan.add(f"{folder}/{name}", (corpus[start:] + corpus * 3)[:size])


def binary(plan, number, amount):
    """A picture, a document or the like: its first bytes, then chance."""
    users = list(USERS)
    folder = plan.rng.choice(["Pictures", "Music", "AppData/Local/Browser/Cache", "Documents/Скан"])
    ending, head = plan.rng.choice([("jpg", b"\xff\xd8\xff\xe0"), ("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-1.7\n"),
                                    ("dat", b"")])  # fmt: skip
    name = f"{plan.rng.choice(['Отчёт', 'IMG', 'scan', 'Договор'])} {number}.{ending}"
    data = head + plan.junk(size_up_to(plan, 4000, amount.largest))
    plan.add(f"Users/{plan.rng.choice(users)}/{folder}/{name}", data)


def registry(plan, amount):
    rng = plan.rng
    for number in range(amount.uninstall):
        key = new_guid(rng) if rng.random() < 0.7 else f"{word(plan).title()}{number}"
        hive = "SOFTWARE32" if rng.random() < 0.4 else "SOFTWARE"
        name = f"{word(plan).title()} {word(plan).title()} {number}"
        uninstall(plan, hive, key, name, rng.choice(MAKERS), f"{rng.randrange(20)}.{rng.randrange(99)}")
    for number in range(amount.services):
        name, driver = f"{word(plan)}{word(plan).title()}{number}", rng.random() < 0.5
        image = f"System32\\drivers\\{name}.sys" if driver else "%SystemRoot%\\system32\\svchost.exe -k netsvcs"
        service(plan, name, image, name + " Service", 1 if driver else 32, rng.randrange(5))
    for _ in range(amount.classes):
        view = "WOW6432Node\\" if rng.random() < 0.3 else ""
        key = f"{view}Classes\\CLSID\\{new_guid(rng)}"
        plan.set("SOFTWARE", key, {"": f"{word(plan).title()} {word(plan).title()} Class"})
        server = {"expand": f"%SystemRoot%\\System32\\{word(plan)}{word(plan)}.dll"}
        plan.set("SOFTWARE", key + "\\InprocServer32", {"": server, "ThreadingModel": "Both"})
    for number in range(4):
        guid = new_guid(rng)
        task_cache(plan, f"Contoso\\Task {number}", guid, {"Author": WINDOWS_MAKER})


def task_cache(plan, name, guid, values):
    """The two keys that the Task Scheduler keeps for a task."""
    cache = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\"
    plan.set("SOFTWARE", f"{cache}Tree\\{name}", {"Id": guid, "Index": 3})
    plan.set("SOFTWARE", f"{cache}Tasks\\{guid}", {"Path": "\\" + name} | values)


def package(plan, number):
    product, name, maker = new_guid(plan.rng), f"{word(plan).title()} {number}", plan.rng.choice(MAKERS)
    data = msi.make(
        product, new_guid(plan.rng), name, maker, f"1.{number}.0", ("payload.bin", plan.junk(20000)), plan.day()
    )
    path = f"Windows/Installer/{plan.rng.randrange(1 << 20, 1 << 28):x}.msi"
    plan.add(path, data)
    installer_keys(plan, product, name, maker, f"1.{number}.0", path)


def manifest(name, version):
    """A manifest of a Chromium extension."""
    return json.dumps({"manifest_version": 3, "name": name, "version": version}, indent=1).encode()
