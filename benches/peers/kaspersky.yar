// What YARA-X looks for: each rule asks for a mark of one kind of thing, so that a text that only speaks of the vendor
// does not match.

import "pe"
import "elf"

rule pe_version {
    condition:
        pe.is_pe and for any key, value in pe.version_info : (
            (key == "CompanyName" or key == "LegalCopyright") and value icontains "Kaspersky Lab"
        )
}

rule pe_signature {
    condition:
        pe.is_pe and for any signature in pe.signatures : (signature.subject icontains "Kaspersky Lab")
}

// The same in whatever holds a PE file as it is.
rule pe_version_inside {
    strings:
        $version = "VS_VERSION_INFO" wide
        $company = "CompanyName" wide
        $vendor = "AO Kaspersky Lab" wide
    condition:
        not pe.is_pe and all of them
}

rule elf_engine {
    strings:
        $mark = "Kaspersky Anti-Virus SDK"
    condition:
        elf.type == elf.ET_DYN and $mark
}

rule elf_path {
    strings:
        $path = /[:\x00]\/opt\/kaspersky\/[\w\/.-]*[:\x00]/
    condition:
        elf.type == elf.ET_DYN and elf.dynamic_section_entries > 0 and $path
}

rule macho_team {
    strings:
        $team = "2Y8XE5CQ94" fullword
    condition:
        (uint32(0) == 0xfeedface or uint32(0) == 0xfeedfacf or uint32be(0) == 0xcafebabe) and $team
}

rule image_name {
    strings:
        $name = /"io\.containerd\.image\.name":\s*"[a-z.\/]*malice\/kaspersky[:"]/
    condition:
        $name
}

rule dpkg_record {
    strings:
        $record = /(^|\n)Package: (kesl|kesl-gui|kesl-astra|klnagent|klnagent64|ksc64)\nStatus: install ok installed\n/
    condition:
        $record
}

rule apk_record {
    strings:
        $record = /(^|\n)P:(kesl|klnagent|klnagent64)\nV:/
    condition:
        $record
}

rule rpm_record {
    strings:
        $sqlite = "SQLite format 3"
        $vendor = "AO Kaspersky Lab"
    condition:
        $sqlite at 0 and $vendor
}

rule rpm_file {
    strings:
        $vendor = "AO Kaspersky Lab"
    condition:
        uint32be(0) == 0xedabeedb and $vendor
}

rule npm_package {
    strings:
        $name = /"name"\s*:\s*"@kaspersky\/[a-z-]+"/
        $lock = /['"\/]@kaspersky\/[a-z-]+(@|['"]\s*:)/
        $purl = /pkg:npm\/(%40|@)kaspersky\//
    condition:
        any of them
}

rule pypi_package {
    strings:
        $metadata = /(^|\n)Name: opentip\r?\n/
        $lock = /(^|\n)name = "opentip"\r?\n/
        $pipfile = /"opentip": \{/
        $requirement = /(^|\n)opentip==/
    condition:
        any of them
}

rule maven_package {
    strings:
        $folder = "META-INF/maven/com.kaspersky."
        $group = "<groupId>com.kaspersky."
        $lock = /(^|\n)com\.kaspersky\.[a-z.-]+:[a-z-]+:/
        $purl = "pkg:maven/com.kaspersky."
    condition:
        any of them
}

rule systemd_unit {
    strings:
        $unit = "[Service]"
        $program = /\nExecStart=\/opt\/kaspersky\//
    condition:
        $unit and $program
}

rule certificate {
    strings:
        $pem = "-----BEGIN CERTIFICATE-----"
        // Lines end anywhere: the longer the text, the likelier one ends in it.
        $subject = "Kaspersky" base64
    condition:
        $pem at 0 and $subject
}

rule browser_extension {
    strings:
        $addon = /"id"\s*:\s*"[A-Za-z0-9_]+@kaspersky\.com"/
        $chrome = "ahkjpbeeocnddjkakilopmfdlnjdpcdm"
    condition:
        any of them
}
