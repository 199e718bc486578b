//! The attribute vocabulary: every name an indicator may test and a collector may set.
//!
//! One table, so that a dossier, a bundle and a collector can never disagree about a name. A name without a collector
//! is allowed: dossiers record what is known before anything can look for it, and the methodology lists it as not looked at.

/// One name of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeInfo {
    /// The name as dossiers and bundles write it.
    pub name: &'static str,
    /// How values are compared.
    pub syntax: Syntax,
    /// One line for people: what the value is.
    pub meaning: &'static str,
}

/// How the values of an attribute are compared; it decides what `under` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Plain text.
    Text,
    /// A file path; `under` takes the path itself and everything below it; `\` and `/` are one.
    Path,
    /// A domain name; `under` takes the name and every name below it.
    Domain,
    /// An IP address; `under` takes a prefix in CIDR form.
    Address,
    /// Raw bytes of a file, tested by `bytes` only.
    Bytes,
}

use Syntax::{Address, Bytes, Domain, Path, Text};

const fn a(name: &'static str, syntax: Syntax, meaning: &'static str) -> AttributeInfo {
    AttributeInfo { name, syntax, meaning }
}

/// Every attribute, sorted by name (a test keeps it so).
pub static ATTRIBUTES: &[AttributeInfo] = &[
    a("android.class", Text, "Java class inside an Android package"),
    a("android.component", Text, "component declared by an Android package"),
    a("android.package", Text, "Android package name"),
    a("apk.maintainer", Text, "maintainer of an Alpine package"),
    a("apk.name", Text, "name of an installed Alpine package"),
    a("apk.version", Text, "version of an installed Alpine package"),
    a("applocker.publisher", Text, "publisher as AppLocker and WDAC write it"),
    a("appstore.id", Text, "numeric id in Apple's App Store"),
    a("browser.native_messaging_host", Text, "name of a native messaging host"),
    a("certificate.issuer", Text, "issuer of a trusted certificate, RFC 4514 text"),
    a("certificate.sha256", Text, "SHA-256 of a trusted certificate's DER, hex"),
    a("certificate.store", Text, "the trust store a certificate lies in"),
    a("certificate.subject", Text, "subject of a trusted certificate, RFC 4514 text"),
    a("certificate.subject.common_name", Text, "CN of a trusted certificate"),
    a("certificate.subject.organization", Text, "O of a trusted certificate"),
    a("chocolatey.id", Text, "Chocolatey package id"),
    a("chrome.extension_id", Text, "32-letter id of a Chromium-family extension"),
    a("chrome.extension_name", Text, "name in the manifest of a Chromium-family extension"),
    a("container.digest", Text, "digest of a container image: of its manifest, or of its configuration (its id)"),
    a("container.image", Text, "container image reference without tag"),
    a("container.name", Text, "name of a container, or its id where it has none"),
    a("container.tag", Text, "tag of a container image"),
    a("cpe", Text, "CPE 2.3 name"),
    a("cpe.vendor", Text, "vendor part of a CPE name"),
    a("cron.command", Text, "command line of a cron entry"),
    a("deb.architecture", Text, "architecture of a Debian package"),
    a("deb.depends", Text, "one relation of Depends or Pre-Depends of a Debian package: names and bars, no versions"),
    a("deb.maintainer", Text, "Maintainer field of a Debian package"),
    a("deb.name", Text, "name of a Debian package in the package database"),
    a("deb.status", Text, "Status field, such as `install ok installed`"),
    a("deb.version", Text, "version of a Debian package"),
    a("device.path", Path, "path of a device node"),
    a("dns.name", Domain, "domain name seen in traffic or a log"),
    a("elf.build_id", Text, "GNU build id of an ELF file, hex"),
    a("elf.bytes", Bytes, "bytes of the loaded, initialised data and code of an ELF file"),
    a("elf.needed", Text, "shared library an ELF file asks for (DT_NEEDED)"),
    a("elf.rpath", Path, "search path in an ELF file (DT_RPATH, DT_RUNPATH), one value per part"),
    a("elf.soname", Text, "soname of an ELF library (DT_SONAME)"),
    a("file.name", Text, "last part of a path"),
    a("file.owner", Text, "distribution package a file belongs to, such as `deb:rspamd`"),
    a("file.path", Path, "path inside the place, from its root"),
    a("file.sha1", Text, "SHA-1 of a file, hex, as a record of it has it"),
    a("file.sha256", Text, "SHA-256 of a file, hex"),
    a("firefox.addon_id", Text, "id of a Firefox add-on"),
    a("firefox.addon_name", Text, "name of a Firefox add-on"),
    a("firefox.addon_slug", Text, "slug of a Firefox add-on in the public catalogue"),
    a("flatpak.id", Text, "application id of an installed Flatpak"),
    a("github.org", Text, "organisation or user on GitHub"),
    a("homebrew.cask", Text, "Homebrew cask"),
    a("http.auth_realm", Text, "realm of an HTTP authentication challenge"),
    a("http.favicon_md5", Text, "MD5 of a served favicon, hex"),
    a("http.server", Text, "HTTP Server header"),
    a("init.script", Text, "name of a System V init script"),
    a("ios.bundle_id", Text, "iOS bundle id"),
    a("ip.address", Address, "IP address seen in traffic or a log"),
    a("kmod.name", Text, "name of a kernel module"),
    a("kmod.path", Path, "path of a kernel module's file"),
    a("legal.entity", Text, "name of a legal person in a contract, list or catalogue"),
    a("library.version", Text, "version of a library whose ecosystem has no attribute of its own"),
    a("log.file", Path, "path of a log a product leaves behind"),
    a("macho.bytes", Bytes, "bytes of the code and data of a Mach-O file"),
    a("macho.dylib", Path, "library a Mach-O file loads (LC_LOAD_DYLIB and its kin)"),
    a("macho.id", Path, "install name of a Mach-O library (LC_ID_DYLIB)"),
    a("macho.rpath", Path, "search path in a Mach-O file (LC_RPATH)"),
    a("macho.uuid", Text, "UUID of a Mach-O program, hex without hyphens; one for each processor"),
    a("macos.authorization_right", Text, "authorisation right on macOS"),
    a("macos.bundle_id", Text, "macOS bundle id"),
    a("macos.entitlement", Text, "key of an entitlement in a code signature"),
    a("macos.kext", Text, "bundle id of a kernel extension"),
    a("macos.mach_service", Text, "Mach service name"),
    a("macos.receipt", Text, "installer receipt on macOS"),
    a("macos.safari_extension", Text, "Safari extension"),
    a("macos.signing_id", Text, "identifier a Mach-O program is signed as"),
    a("macos.team_id", Text, "Apple developer Team ID of a signature"),
    a("maven.artifact", Text, "Maven artifact id"),
    a("maven.coordinate", Text, "Maven `group:artifact`"),
    a("maven.group", Text, "Maven group id"),
    a("maven.version", Text, "Maven version"),
    a("msi.product_code", Text, "MSI product code with braces"),
    a("msi.upgrade_code", Text, "MSI upgrade code with braces"),
    a("msix.display_name", Text, "name of an MSIX package for people, or what in it holds one for each language"),
    a("msix.family_name", Text, "MSIX package family name"),
    a("msix.name", Text, "name in the identity of an MSIX package"),
    a("msix.publisher", Text, "publisher of an MSIX package: the subject of its signer, X.500 text"),
    a("msix.publisher_display_name", Text, "name of the publisher of an MSIX package for people"),
    a("msix.version", Text, "version of an MSIX package"),
    a("msstore.id", Text, "Microsoft Store product id"),
    a("net.asn", Text, "autonomous system, such as `AS200107`"),
    a("net.banner", Text, "greeting of a network service"),
    a("net.oui", Text, "leading hex digits of a MAC address, no separators"),
    a("net.port", Text, "port and protocol, such as `13000/tcp`"),
    a("npm.author", Text, "author of an npm package as installed"),
    a("npm.name", Text, "name of an npm package, with its scope"),
    a("npm.version", Text, "version of an npm package"),
    a("onvif.scope", Text, "ONVIF scope a camera announces"),
    a("os.edition", Text, "edition of Windows, such as `Professional`"),
    a("os.group", Text, "local group"),
    a("os.hostname", Text, "name a system gives its machine"),
    a("os.id", Text, "ID of os-release, or `windows`"),
    a("os.installed", Text, "when a system was installed, RFC 3339"),
    a("os.title", Text, "name of a system with its release, such as `Windows 11 Pro 23H2`"),
    a("os.user", Text, "local user"),
    a("os.version", Text, "VERSION_ID of os-release, or the version of Windows with build and revision"),
    a("pe.bytes", Bytes, "bytes of the code and initialised data of a PE file"),
    a("pe.company_name", Text, "CompanyName of a PE file's version information"),
    a("pe.export_name", Text, "name a PE library gives itself in its table of exports"),
    a("pe.file_description", Text, "FileDescription of a PE file's version information"),
    a("pe.file_version", Text, "FileVersion of a PE file's version information, or its numbers where there is no text"),
    a("pe.import", Text, "library a PE file asks for, when it starts or later, in lower case"),
    a("pe.internal_name", Text, "InternalName of a PE file's version information"),
    a("pe.legal_copyright", Text, "LegalCopyright of a PE file's version information"),
    a("pe.manifest", Text, "name of the assembly in a PE file's manifest"),
    a("pe.original_filename", Text, "OriginalFilename of a PE file's version information"),
    a("pe.pdb", Path, "path of the file with a PE file's debugging data, as on the machine that made it"),
    a("pe.product_name", Text, "ProductName of a PE file's version information"),
    a(
        "pe.product_version",
        Text,
        "ProductVersion of a PE file's version information, or its numbers where there is no text",
    ),
    a("process.command", Text, "command line of a running process"),
    a("process.name", Text, "name of a running process (comm)"),
    a("process.path", Path, "executable of a running process"),
    a("procurement.brand", Text, "brand in a price list, order or contract"),
    a("procurement.model", Text, "model in a price list, order or contract"),
    a("purl", Text, "package URL without qualifiers"),
    a("pypi.author", Text, "Author or Maintainer of a Python distribution, with e-mail"),
    a("pypi.name", Text, "normalised name of a Python distribution (PEP 503)"),
    a("pypi.version", Text, "version of a Python distribution"),
    a("rpm.name", Text, "name of an installed RPM package"),
    a("rpm.packager", Text, "Packager tag of an RPM package"),
    a("rpm.requires", Text, "name an RPM package requires"),
    a("rpm.vendor", Text, "Vendor tag of an RPM package"),
    a("rpm.version", Text, "version-release of an RPM package"),
    a("rtsp.server", Text, "RTSP Server header"),
    a("sbom.name", Text, "name of a component in an SBOM"),
    a("sbom.place", Text, "where an SBOM says that something lies"),
    a("sbom.supplier", Text, "supplier, publisher or manufacturer in an SBOM"),
    a("sbom.version", Text, "version of a component in an SBOM"),
    a("signature.chain", Text, "subject of another certificate in a code signature, RFC 4514 text"),
    a("signature.issuer", Text, "issuer of a code signature's leaf, RFC 4514 text"),
    a("signature.sha256", Text, "SHA-256 of a code signature's leaf, hex"),
    a(
        "signature.state",
        Text,
        "`unsigned`, `ad-hoc`, `digest-matches`, `digest-differs`, `not-checked` or `unreadable`",
    ),
    a("signature.subject", Text, "subject of a code signature's leaf, RFC 4514 text"),
    a("signature.subject.common_name", Text, "CN of a code signature's leaf"),
    a("signature.subject.organization", Text, "O of a code signature's leaf"),
    a("signature.subject.serial_number", Text, "serialNumber in the subject of a code signature's leaf"),
    a("snap.name", Text, "name of an installed snap"),
    a("snap.version", Text, "version of an installed snap"),
    a("snmp.oid", Text, "SNMP object identifier"),
    a("swid.tag_creator", Text, "tag creator of a SWID tag"),
    a("syslog.program", Text, "program name in syslog"),
    a("systemd.description", Text, "Description of a systemd unit"),
    a("systemd.exec", Path, "first word of an Exec line of a systemd unit"),
    a("systemd.unit", Text, "file name of a systemd unit"),
    a("tls.subject", Text, "subject of a certificate served over TLS"),
    a("trace.arguments", Text, "arguments with which a program was run, or is to be, as a trace says"),
    a("trace.last_run", Text, "when a program was last run, as a trace says, RFC 3339 in UTC"),
    a("trace.name", Text, "name under which a trace has a program, where that is no path"),
    a("trace.run_count", Text, "how often a program was run, as a trace says"),
    a("trace.source", Text, "what says that a program was run or is to be, such as `amcache`, `bam`, `run-key`"),
    a("vex.author", Text, "who makes a VEX statement"),
    a("vex.component", Text, "part of a product that a VEX statement speaks of"),
    a("vex.justification", Text, "why a VEX statement says that a product is not affected"),
    a("vex.note", Text, "what a VEX statement says besides"),
    a("vex.product", Text, "product a VEX statement speaks of"),
    a("vex.status", Text, "what a VEX statement says of a product"),
    a("windows.driver.altitude", Text, "minifilter altitude"),
    a("windows.driver.name", Text, "name of a driver service"),
    a("windows.eventlog.channel", Text, "event log channel"),
    a("windows.eventlog.provider", Text, "event log provider"),
    a("windows.kernel_object", Text, "named kernel object"),
    a("windows.registry.key", Path, "registry key; `HKLM\\SOFTWARE\\X` covers the WOW6432Node view as well"),
    a("windows.registry.key_name", Text, "last part of a registry key"),
    a("windows.scheduled_task", Text, "scheduled task"),
    a("windows.scheduled_task.author", Text, "who a scheduled task says made it"),
    a("windows.security_center.name", Text, "display name registered with Windows Security Center"),
    a("windows.service.display_name", Text, "display name of a Windows service"),
    a("windows.service.name", Text, "name of a Windows service"),
    a("windows.uninstall.display_name", Text, "DisplayName of an Uninstall key"),
    a("windows.uninstall.display_version", Text, "DisplayVersion of an Uninstall key"),
    a("windows.uninstall.publisher", Text, "Publisher of an Uninstall key"),
    a("winget.id", Text, "winget package id"),
];

/// The entry of `name`, if the vocabulary has it.
pub fn info(name: &str) -> Option<&'static AttributeInfo> {
    ATTRIBUTES.binary_search_by(|entry| entry.name.cmp(name)).ok().map(|at| &ATTRIBUTES[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        for pair in ATTRIBUTES.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} must come after {}", pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn an_unknown_name_is_none() {
        assert!(info("deb.name").is_some());
        assert!(info("deb.nmae").is_none());
    }
}
