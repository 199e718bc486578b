"""Traces of Kaspersky's products as installations leave them, by the names that the dossier knows.

One product for one way of being there, as far as that goes: what is found of a product says which way was read.
"""

import json

import keys
import msi
import pe
import records
from ntfs import new_guid
from plan import DAY, INSTALLED, USERS, program_attributes, sha256
from signing import SIGNERS
from windows import SERVICES, appx, installer_keys, manifest, service, task_cache, uninstall

MAKER = "AO Kaspersky Lab"
KES = "Program Files (x86)/Kaspersky Lab/Kaspersky Endpoint Security for Windows"
AGENT = "Program Files (x86)/Kaspersky Lab/NetworkAgent"
DRIVERS = "Windows/System32/drivers"
KES_CODE, KES_VERSION = "{27534751-4A40-48BD-B393-BC3BF28C876E}", "12.4.0.467"
AGENT_CODE, AGENT_VERSION = "{0F05E4E5-5A89-482C-9A62-47CC58643788}", "14.0.0.10902"
AGENT_UPGRADE = "{B9518725-0B76-4793-A409-C6794442FB50}"
CORE = "21.16.6.467"  # the version that the programs of KES 12.4 carry inside
TIKTOK = "BytedancePte.Ltd.TikTok_6yccndn6064se"


def windows_path(path):
    """A path in the volume as Windows writes it."""
    return "C:\\" + path.replace("/", "\\")


def put_program(plan, name, product, path, description, **more):
    """Puts a program of the vendor's into the volume, and plants it.

    More: original (its own name), version, title (the product it says it is of), company, bare (no version information),
    signer; how, note, presence, state, must_find, member of the truth; form, stream of the file; what Plan.program takes."""
    original = more.pop("original", path.rsplit("/", 1)[-1])
    title, company = more.pop("title", "Kaspersky Endpoint Security for Windows"), more.pop("company", MAKER)
    version = pe.version_of(company, title, description, more.pop("version", CORE), original, "2024 AO Kaspersky Lab")
    if more.pop("bare", False):
        version = {}
    signer = more.pop("signer", "kaspersky")
    said = {key: more.pop(key) for key in ("how", "note", "presence", "state", "must_find", "member") if key in more}
    placed = {key: more.pop(key) for key in ("form", "stream") if key in more}
    kind = more.pop("kind", pe.kind_of(original))
    stamped = more.get("stamped", False)
    data = plan.program(version, kind, signer, **more)
    plan.add(path, data, **placed)
    if "stream" in placed:
        said["stream"] = placed["stream"]
    attributes = program_attributes(path, version, SIGNERS.get(signer))
    digest = {} if stamped else {"sha256": sha256(data)}
    plan.plant(name, product, "executable", attributes, path=path, **said, **digest)
    return data


def plant_all(plan):
    endpoint_security(plan)
    drivers(plan)
    services_of_kes(plan)
    registrations(plan)
    network_agent(plan)
    per_user(plan)
    leftovers(plan)
    browsers(plan)
    traces(plan)
    store_package(plan)


def put_uninstall(plan, name, product, hive, key, title, publisher, version, state="present", **more):
    """An uninstall key, planted."""
    values = {"InstallLocation": more.pop("location", ""), "WindowsInstaller": 1}
    full = uninstall(plan, hive, key, title, publisher, version, state, **values)
    attributes = {"windows.uninstall.display_name": title, "windows.uninstall.publisher": publisher}
    hive = hive.removesuffix("32")
    plan.plant(name, product, "package", attributes, hive=hive, key=full, state=state, **more)


# --- Kaspersky Endpoint Security: everything an installation brings
def endpoint_security(plan):
    put_uninstall(plan, "kes-uninstall", "kes", "SOFTWARE", KES_CODE, "Kaspersky Endpoint Security for Windows", MAKER,
                  KES_VERSION, location=windows_path(KES) + "\\", how="uninstall key, view of 64 bit")  # fmt: skip
    put_program(plan, "kes-avp", "avp", f"{KES}/avp.exe", "Kaspersky Anti-Virus", size=200000, gcc=False, nested=True,
                stamped=True, bits=32, how="program, signed with SHA-1 and SHA-256, both stamped")  # fmt: skip
    put_program(plan, "kes-avpui", "avp", f"{KES}/avpui.exe", "Kaspersky Endpoint Security", gcc=True, size=20000,
                how="program built by a real linker, signed")  # fmt: skip
    put_program(plan, "kes-avpsus", "avp", f"{KES}/avpsus.exe", "Seamless update service", language=pe.RUSSIAN,
                how="program with Russian version information, signed")  # fmt: skip
    put_program(plan, "kes-eka-meta", "any", f"{KES}/eka_meta.dll", "Eka meta", how="library, signed")
    put_program(plan, "kes-prremote", "any", f"{KES}/prremote.dll", "Prague remote", bits=32, how="library, signed")
    plan.short_names |= {"Program Files (x86)/Kaspersky Lab": "KASPER~1", KES: "KASPER~1"}
    bases = "ProgramData/Kaspersky Lab/KES.21.16/Bases"
    for number in range(3):
        plan.add(f"{bases}/base{number:03}.kdc", plan.junk(30000))
    file = f"{bases}/base000.kdc"
    plan.plant("kes-bases", "any", "file", {"file.path": "/" + file, "file.name": "base000.kdc"}, path=file,
               how="data in the vendor's folder below ProgramData")  # fmt: skip

    package = "Windows/Installer/4a1c0.msi"
    data = msi.make(KES_CODE, msi.code(KES_CODE, "upgrade"), "Kaspersky Endpoint Security for Windows", MAKER, "12.4.0",
                    ("avp.bin", plan.code(30000)), plan.day())  # fmt: skip
    data = plan.signing.sign(data, "kaspersky", plan.day(), ".msi")
    plan.add(package, data)
    key = installer_keys(plan, KES_CODE, "Kaspersky Endpoint Security for Windows", MAKER, KES_VERSION, package,
                         msi.code(KES_CODE, "upgrade"))  # fmt: skip
    codes = {"msi.product_code": KES_CODE}
    plan.plant("kes-msi-key", "kes", "package", codes, hive="SOFTWARE", key=key,
               how=f"product of Windows Installer; the key is the packed code {msi.packed(KES_CODE)}")  # fmt: skip
    plan.plant("kes-msi-file", "kes", "package", codes, path=package, presence="dormant", sha256=sha256(data),
               how="package kept by Windows Installer, signed",
               note="its key is what proves the product")  # fmt: skip

    root = "WOW6432Node\\KasperskyLab\\KES21.16\\environment"
    plan.set("SOFTWARE", root, {
        "ProductName": "Kaspersky Endpoint Security for Windows", "ProductVersion": CORE,
        "ProductRoot": windows_path(KES), "DataRoot": "C:\\ProgramData\\Kaspersky Lab\\KES.21.16",
    })  # fmt: skip
    plan.plant("kes-environment", "kes", "registry-key", {}, hive="SOFTWARE", key=root,
               how="vendor's key, view of 32 bit; its ProductRoot is on disk")  # fmt: skip
    key = "KasperskyLab\\LicStrg"
    plan.set("SOFTWARE", key, {"Blob": plan.junk(20000)})
    plan.plant("kes-licence-store", "any", "registry-key", {}, hive="SOFTWARE", key=key,
               how="vendor's key, view of 64 bit, with a value in several cells (20,000 bytes)")  # fmt: skip


def drivers(plan):
    """Drivers with their files; minifilters have an altitude below Instances."""
    for name, altitude, kind, start, title in (
        ("klif", "320400", 2, 1, "Kaspersky Lab Driver"),
        ("klbackupflt", "100800", 2, 0, "Kaspersky Lab Backup Filter"),
        ("klhk", None, 1, 0, "Kaspersky Lab service driver"),
        ("klim6", None, 1, 1, "Kaspersky Anti-Virus NDIS 6 Filter"),
    ):
        path = f"{DRIVERS}/{name}.sys"
        put_program(plan, f"driver-file-{name}", "any", path, title, title="Coretech Delivery", version="30.1564.0.1",
                    size=15000, how="driver's file, signed")  # fmt: skip
        group = {"Group": "FSFilter Anti-Virus"} if altitude else {}
        service(plan, name, f"system32\\DRIVERS\\{name}.sys", title, kind, start, **group)
        key = SERVICES + name
        attributes = {"windows.driver.name": name, "windows.service.name": name}
        how = "driver"
        if altitude:
            plan.set("SYSTEM", f"{key}\\Instances", {"DefaultInstance": f"{name} Instance"})
            plan.set("SYSTEM", f"{key}\\Instances\\{name} Instance", {"Altitude": altitude, "Flags": 0})
            attributes["windows.driver.altitude"] = altitude
            how = f"minifilter at altitude {altitude}"
        plan.plant(f"driver-{name}", "any", "driver", attributes, hive="SYSTEM", key=key, how=how)
    legacy = "ControlSet001\\Enum\\Root\\LEGACY_KLIF"
    plan.set("SYSTEM", legacy + "\\0000", {"Service": "klif", "Legacy": 1})
    plan.plant("driver-legacy", "any", "registry-key", {}, hive="SYSTEM", key=legacy,
               how="device of a driver of old", note="supports only")  # fmt: skip


def services_of_kes(plan):
    for name, title, program in (
        ("AVP.KES.21.16", "Kaspersky Endpoint Security Service (12.4)", "avp.exe"),
        ("avpsus.KES.21.16", "Kaspersky Seamless Update Service (12.4)", "avpsus.exe"),
    ):
        service(plan, name, f'"{windows_path(KES)}\\{program}" -r', title, 16)
        attributes = {"windows.service.name": name, "windows.service.display_name": title}
        plan.plant(f"service-{name}", "kes", "service", attributes, hive="SYSTEM", key=SERVICES + name, how="service")


# --- what the product tells Windows of itself
def registrations(plan):
    guid = new_guid(plan.rng)
    key = f"Microsoft\\Security Center\\Provider\\Av\\{guid}"
    title = "Kaspersky Endpoint Security for Windows"
    plan.set("SOFTWARE", key, {"DISPLAYNAME": title, "PRODUCTEXE": windows_path(KES) + "\\wmiav.exe",
                               "REPORTINGEXE": windows_path(KES) + "\\wmiav.exe", "STATE": 0x41000})  # fmt: skip
    plan.plant("security-center", "kes", "package", {"windows.security_center.name": title}, hive="SOFTWARE", key=key,
               value="DISPLAYNAME", presence="remnant", how="registration with the Security Center, as the registry keeps it")  # fmt: skip
    root_certificate(plan, "root-certificate", "kes", "SOFTWARE", "Microsoft\\SystemCertificates\\ROOT\\Certificates",
                     "Kaspersky Endpoint Security Personal Certification Authority",
                     "root certificate the machine trusts")  # fmt: skip
    root_certificate(plan, "root-certificate-of-user", "any", "NTUSER:petrova",
                     "Software\\Microsoft\\SystemCertificates\\Root\\Certificates",
                     "Kaspersky Anti-Virus Personal Root Certificate", "root certificate a user trusts")  # fmt: skip
    guid = new_guid(plan.rng)
    name = f"Kaspersky_Upgrade_Launcher_{guid}"
    file, command = f"Windows/System32/Tasks/{name}", windows_path(KES) + "\\avpsus.exe"
    plan.add(file, records.task(MAKER, "Starts the upgrade", command, "upgrade"))
    actions = {"Actions": records.task_actions(command, "upgrade"), "Author": MAKER}
    task_cache(plan, name, guid, actions)
    plan.plant("task", "any", "service", {"windows.scheduled_task": name}, path=file, how="scheduled task: its XML",
               note="both views, one task: TaskCache\\Tree names it as well")  # fmt: skip
    run = "Microsoft\\Windows\\CurrentVersion\\Run"
    plan.set("SOFTWARE", "WOW6432Node\\" + run, {"avpui": f'"{windows_path(KES)}\\avpui.exe" -s'})
    plan.plant("run-key", "avp", "trace", {"file.path": f"/{KES}/avpui.exe", "file.name": "avpui.exe"},
               hive="SOFTWARE", key="WOW6432Node\\" + run, value="avpui", how="program started at logon")  # fmt: skip
    log = "ControlSet001\\Services\\EventLog\\Kaspersky Event Log"
    plan.set("SYSTEM", log, {"MaxSize": 0x1000000, "File": {"expand": "%SystemRoot%\\System32\\Winevt\\Logs\\kl.evtx"}})
    plan.set("SYSTEM", log + "\\avp", {"EventMessageFile": windows_path(KES) + "\\eka_meta.dll"})
    plan.plant("event-channel", "any", "registry-key", {"windows.eventlog.channel": "Kaspersky Event Log"},
               hive="SYSTEM", key=log, how="event log")  # fmt: skip
    plan.plant("event-provider", "avp", "registry-key", {"windows.eventlog.provider": "avp"}, hive="SYSTEM",
               key=log + "\\avp", how="source of an event log")  # fmt: skip


def root_certificate(plan, name, product, hive, store, common_name, how):
    """A certificate made on this machine, in a store of the registry."""
    subject = [("O", MAKER), ("CN", common_name)]
    key = plan.signing.key("machine")
    holder = keys.certify(name, subject, key, usage=keys.SIGN_CERTIFICATES, authority=True)
    full = f"{store}\\{holder.sha1.upper()}"
    plan.set(hive, full, {"Blob": records.certificate_blob(holder.certificate, key.identifier())})
    attributes = {"certificate.subject.common_name": common_name, "certificate.subject.organization": MAKER}
    plan.plant(
        name, product, "certificate", attributes, hive=hive, key=full, value="Blob", sha256=holder.sha256, how=how
    )


# --- Network Agent: the view of 32 bit
def network_agent(plan):
    put_uninstall(plan, "agent-uninstall", "klnagent", "SOFTWARE32", AGENT_CODE, "Kaspersky Network Agent", "Kaspersky",
                  AGENT_VERSION, location=windows_path(AGENT) + "\\", how="uninstall key, view of 32 bit")  # fmt: skip
    title = "Kaspersky Network Agent"
    for name, description in (("klnagent", "Network Agent"), ("klmover", "Changes the server of the agent")):
        put_program(plan, f"agent-{name}", "klnagent", f"{AGENT}/{name}.exe", description, title=title, company="Kaspersky",
                    version=AGENT_VERSION, bits=32, how="program of 32 bit, signed")  # fmt: skip
    service(plan, "klnagent", f'"{windows_path(AGENT)}\\klnagent.exe" -service', title, 16)
    attributes = {"windows.service.name": "klnagent", "windows.service.display_name": title}
    plan.plant("service-klnagent", "klnagent", "service", attributes, hive="SYSTEM", key=SERVICES + "klnagent",
               how="service")  # fmt: skip
    key = "WOW6432Node\\KasperskyLab\\Components\\34\\1103\\1.0.0.0\\Statistics\\AVState"
    plan.set("SOFTWARE", key, {"Protection_NagentFQDN": "BUH-PC01.example.test", "Protection_AvRunning": 1})
    plan.plant("agent-statistics", "klnagent", "registry-key", {}, hive="SOFTWARE", key=key,
               how="vendor's key, view of 32 bit")  # fmt: skip
    package = "Windows/Installer/4a1c8.msi"
    data = msi.make(AGENT_CODE, AGENT_UPGRADE, title, "Kaspersky", "14.0.0", ("agent.bin", plan.code(9000)), plan.day())
    plan.add(package, plan.signing.sign(data, "kaspersky", plan.day(), ".msi"))
    product = installer_keys(plan, AGENT_CODE, title, "Kaspersky", AGENT_VERSION, package, AGENT_UPGRADE)
    plan.plant("agent-msi-key", "klnagent", "package", {"msi.product_code": AGENT_CODE}, hive="SOFTWARE", key=product,
               how="product of Windows Installer")  # fmt: skip
    upgrade = f"Microsoft\\Windows\\CurrentVersion\\Installer\\UpgradeCodes\\{msi.packed(AGENT_UPGRADE)}"
    plan.plant("agent-upgrade-code", "klnagent", "package", {"msi.upgrade_code": AGENT_UPGRADE}, hive="SOFTWARE",
               key=upgrade, how="upgrade code of Windows Installer")  # fmt: skip


# --- one user's only
def per_user(plan):
    put_uninstall(plan, "user-uninstall", "kpm", "NTUSER:ivanov", new_guid(plan.rng), "Kaspersky Password Manager", MAKER,
                  "10.2.0.83", how="uninstall key in the hive of a user who is not logged on")  # fmt: skip
    key = "Software\\KasperskyLab\\AVP21.3"
    plan.set("NTUSER:ivanov", key, {"Lang": "ru"})
    plan.plant("user-key", "any", "registry-key", {}, hive="NTUSER:ivanov", key=key, how="a user's key",
               note="supports only")  # fmt: skip


# --- what an uninstall left
def leftovers(plan):
    folder = f"{DRIVERS}/K4W-21-25"
    put_program(plan, "left-driver", "k4w", f"{folder}/klif.sys", "Kaspersky Lab Driver", title="Coretech Delivery",
                version="30.2100.0.1", size=15000, how="driver's file, signed, with no service and no uninstall key")  # fmt: skip
    key = "KasperskyLab\\protected\\LicStorage"
    plan.set("SOFTWARE", key, {"Ticket": plan.junk(600)})
    plan.plant("left-licence", "any", "registry-key", {}, hive="SOFTWARE", key=key, how="key that uninstalls leave")
    report = "KVRT2020_Data/Reports/report_2024.03.02_10.11.12.klr.enc1"
    plan.add(report, plan.junk(900))
    plan.plant("left-reports", "kvrt", "file", {"file.path": "/" + report}, path=report,
               how="folder that a tool of the vendor's leaves at the root of the drive")  # fmt: skip
    log = "kavremvr 2024-03-02 10-20-30 (pid 4711).log"
    plan.add(log, b"Kaspersky Lab products remover\r\n")
    plan.plant("left-log", "kavremover", "file", {"file.path": "/" + log, "file.name": log}, path=log, must_find=False,
               how="log of the vendor's remover", note="supports only")  # fmt: skip


# --- browsers
def browsers(plan):
    extension = "amkpcclbbgegoafihnpgomddadjhcadd"
    profile = "Users/ivanov/AppData/Local/Google/Chrome/User Data/Default"
    folder = f"{profile}/Extensions/{extension}/21.3.10_0"
    plan.add(f"{folder}/manifest.json", manifest("Kaspersky Protection", "21.3.10"))
    plan.add(f"{folder}/background.js", b"chrome.runtime.connectNative('com.kaspersky.kav');\n")
    plan.add(f"{profile}/Preferences", b'{"profile":{"name":"Ivan"}}')
    plan.plant("chrome-extension", "browser", "extension", {"chrome.extension_id": extension},
               path=f"{folder}/manifest.json", how="extension in a profile of Chrome")  # fmt: skip
    policy = "Policies\\Google\\Chrome\\ExtensionInstallForcelist"
    forced = "ahkjpbeeocnddjkakilopmfdlnjdpcdm"
    plan.set("SOFTWARE", policy, {"1": f"{forced};https://clients2.google.com/service/update2/crx"})
    plan.plant("chrome-policy", "browser", "extension", {"chrome.extension_id": forced}, hive="SOFTWARE", key=policy,
               value="1", presence="declared", how="extension that a policy asks for")  # fmt: skip
    add_on = "light_plugin_F6F079488B53499DB99380A7E11A93F6@kaspersky.com"
    list_of = "Users/petrova/AppData/Roaming/Mozilla/Firefox/Profiles/x1y2z3.default-release/extensions.json"
    add_ons = {"schemaVersion": 36, "addons": [{"id": add_on, "type": "extension", "active": True, "version": "21.3.10",
                                                "defaultLocale": {"name": "Kaspersky Protection"}}]}  # fmt: skip
    plan.add(list_of, json.dumps(add_ons).encode())
    plan.plant("firefox-addon", "browser", "extension", {"firefox.addon_id": add_on}, path=list_of,
               how="add-on in a profile of Firefox")  # fmt: skip
    host = "com.kaspersky.kav.fc580de9124e479b8be54721f5fb2f59.host"
    file = f"{KES}/native_messaging.json"
    about = {"name": host, "description": "Host", "type": "stdio", "path": "browser_native.exe",
             "allowed_origins": [f"chrome-extension://{extension}/"]}  # fmt: skip
    plan.add(file, json.dumps(about).encode())
    key = f"WOW6432Node\\Google\\Chrome\\NativeMessagingHosts\\{host}"
    plan.set("SOFTWARE", key, {"": windows_path(file)})
    plan.plant("native-host", "browser", "extension", {"browser.native_messaging_host": host}, hive="SOFTWARE", key=key,
               how="native host of an extension, registered in the registry")  # fmt: skip


# --- what Windows noted when programs ran
def traces(plan):
    """The paths and names in them fit; none proves that the program is there."""
    avp, when = f"{KES}/avp.exe", INSTALLED + 90 * DAY
    attributes = {"file.path": "/" + avp, "file.name": "avp.exe"}

    def trace(name, hive, key, how, value=None, product="avp", spelled=attributes):
        more = {"value": value} if value else {}
        plan.plant(name, product, "trace", spelled, hive=hive, key=key, how=how, **more)

    entry = "Root\\InventoryApplicationFile\\avp.exe|5d1c2b3a4f5e6d7c"
    plan.set("AMCACHE", entry, {
        "LowerCaseLongPath": windows_path(avp).lower(), "Name": "avp.exe", "Publisher": MAKER.lower(), "Version": CORE,
        "ProductName": "kaspersky endpoint security for windows", "BinaryType": "pe32_i386",
        "FileId": "0000" + sha256(avp.encode())[:40], "Size": {"qword": 200000},
    })  # fmt: skip
    trace("trace-amcache", "AMCACHE", entry, "Amcache: a program that ran")
    key = "ControlSet001\\Control\\Session Manager\\AppCompatCache"
    gone = "Users/ivanov/Downloads/tdsskiller.exe"
    entries = [
        (windows_path(avp), when),
        (windows_path(gone), when - DAY),
        ("C:\\Windows\\System32\\cmd.exe", when - DAY),
    ]
    plan.set("SYSTEM", key, {"AppCompatCache": records.shim_cache(entries)})
    trace("trace-shimcache", "SYSTEM", key, "ShimCache: a program Windows saw", "AppCompatCache")
    trace("trace-shimcache-gone", "SYSTEM", key, "ShimCache: a program that is not there any more", "AppCompatCache", "tdss",
          {"file.path": "/" + gone, "file.name": "tdsskiller.exe"})  # fmt: skip
    key = f"{SERVICES}bam\\State\\UserSettings\\{USERS['ivanov']}"
    value = f"\\Device\\HarddiskVolume3\\{windows_path(avp)[3:]}"
    plan.set("SYSTEM", key, {"Version": 1, "SequenceNumber": 7, value: records.bam(when)})
    trace("trace-bam", "SYSTEM", key, "BAM: a program a user ran", value)
    name, data = records.user_assist("C:\\Users\\ivanov\\Downloads\\KVRT.exe", 2, when)
    key = ("Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\"
           "{CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}\\Count")  # fmt: skip
    plan.set("NTUSER:ivanov", key, {name: data})
    trace("trace-userassist", "NTUSER:ivanov", key, "UserAssist: a program a user started (its path in ROT13)", name,
          "kvrt", {"file.path": "/Users/ivanov/Downloads/KVRT.exe", "file.name": "KVRT.exe"})  # fmt: skip
    key = "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache"
    ui = windows_path(f"{KES}/avpui.exe")
    plan.set("USRCLASS:ivanov", key, {f"{ui}.FriendlyAppName": "Kaspersky Endpoint Security for Windows",
                                      f"{ui}.ApplicationCompany": MAKER})  # fmt: skip
    trace("trace-muicache", "USRCLASS:ivanov", key, "MuiCache: the title of a program that ran", f"{ui}.FriendlyAppName",
          "avp", {"file.path": f"/{KES}/avpui.exe", "file.name": "avpui.exe"})  # fmt: skip
    link = "ProgramData/Microsoft/Windows/Start Menu/Programs/Kaspersky Endpoint Security for Windows.lnk"
    plan.add(link, records.link(ui, "Kaspersky Endpoint Security for Windows", plan.day()))
    plan.plant("trace-link", "avp", "trace", {"file.path": f"/{KES}/avpui.exe", "file.name": "avpui.exe"}, path=link,
               how="link in the start menu; the attributes are its target's")  # fmt: skip
    prefetched(plan, avp, gone, when)
    key = f"{SERVICES}SharedAccess\\Parameters\\FirewallPolicy\\FirewallRules"
    agent = windows_path(f"{AGENT}/klnagent.exe")
    value = new_guid(plan.rng)
    plan.set(
        "SYSTEM", key, {value: f"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=15000|App={agent}|Name=kl|"}
    )
    trace("trace-firewall", "SYSTEM", key, "rule of the firewall for a program", value, "klnagent",
          {"file.path": f"/{AGENT}/klnagent.exe", "file.name": "klnagent.exe"})  # fmt: skip


def prefetched(plan, avp, gone, when):
    """Prefetch files of Windows 10: one packed, as they are today, and one of a program that is not there any more."""
    loaded = ["Windows/System32/ntdll.dll", "Windows/System32/kernel32.dll"]
    times = [when + DAY * number for number in (2, 1, 0)]
    for name, product, path, packed in (("prefetch", "avp", avp, True), ("prefetch-gone", "tdss", gone, False)):
        data = records.prefetch(30, [path, *loaded], len(times), times)
        program = path.rsplit("/", 1)[-1]
        file = f"Windows/Prefetch/{program.upper()}-{len(path):08X}.pf"
        plan.add(file, records.packed(data) if packed else data)
        how = "prefetch file: a program that ran" + (", packed by XPRESS" if packed else " and is gone")
        plan.plant(f"trace-{name}", product, "trace", {"file.path": "/" + path, "file.name": program}, path=file, how=how)


# --- an MSIX package: the dossier of this vendor has none, another's has
def store_package(plan):
    folder = appx(plan, TIKTOK, "1.0.5.0", "TikTok", "CN=7F220139-5F75-4D38-8E1B-7B3A43A1E2A3")
    name = folder.rsplit("/", 1)[-1]
    key = f"Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Applications\\{name}"
    attributes = {"msix.family_name": TIKTOK}
    plan.plant("msix-key", "tiktok", "package", attributes, "bytedance", hive="SOFTWARE", key=key,
               how="MSIX package installed for all users")  # fmt: skip
    plan.plant("msix-manifest", "tiktok", "package", attributes, "bytedance", path=f"{folder}/AppxManifest.xml",
               how="MSIX package: its manifest",
               note="the family's name is in the folder's name; the key proves the package")  # fmt: skip
