//! The tests of an indicator, and the byte-level regular expression each becomes. Letters are compared without regard to
//! case (ASCII) except in `regex` and `bytes`; `/` and `\` are one separator in paths.

use ostrakon_model::vocabulary::Syntax;
use std::net::IpAddr;

/// One test on the values of an attribute. A list holds when any of its members does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The same text.
    Is(Vec<String>),
    /// Begins with.
    Prefix(Vec<String>),
    /// Ends with.
    Suffix(Vec<String>),
    /// Fits a pattern with `*`, `**`, `?`, `{a,b}`.
    Glob(Vec<String>),
    /// Holds a match.
    Regex(Vec<String>),
    /// Is the path, name or prefix, or lies below it.
    Under(Vec<String>),
    /// Holds these bytes.
    Bytes(Vec<Vec<u8>>),
}

impl Test {
    /// The key of the test in a dossier.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Is(_) => "is",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::Glob(_) => "glob",
            Self::Regex(_) => "regex",
            Self::Under(_) => "under",
            Self::Bytes(_) => "bytes",
        }
    }

    /// What the test asks for, for people.
    pub fn says(&self) -> String {
        match self {
            Self::Is(values)
            | Self::Prefix(values)
            | Self::Suffix(values)
            | Self::Glob(values)
            | Self::Regex(values)
            | Self::Under(values) => values.join(" | "),
            Self::Bytes(values) => values.iter().map(|bytes| spell(bytes)).collect::<Vec<_>>().join(" | "),
        }
    }

    /// The regular expressions of the test on an attribute of `syntax`, for `regex::bytes`. CIDR prefixes have none: see
    /// [`Cidr`]. In expressions of paths the group `base` holds what the test itself names, and `root` what lies above.
    ///
    /// # Errors
    /// A sentence that says what cannot be compiled.
    pub fn expressions(&self, syntax: Syntax) -> Result<Vec<String>, String> {
        let each = |values: &[String], make: &dyn Fn(&str) -> Result<String, String>| -> Result<Vec<String>, String> {
            // What people write as an expression can be wrong; the rest is made of escaped text.
            let check = |expression| if matches!(self, Self::Regex(_)) { compiles(expression) } else { Ok(expression) };
            values.iter().map(|value| make(value).and_then(check)).collect()
        };
        let path = syntax == Syntax::Path;
        match self {
            Self::Bytes(_) => Ok(Vec::new()),
            Self::Under(values) if syntax == Syntax::Address => {
                values.iter().try_for_each(|value| Cidr::parse(value).map(drop))?;
                Ok(Vec::new())
            }
            Self::Under(values) if syntax == Syntax::Domain => {
                each(values, &|value| Ok(format!(r"^(?is-u:(?:.*\.)?{}\.?)$", literal(value.trim_matches('.')))))
            }
            Self::Under(values) if path => each(values, &|value| Ok(path_expression(value, "(?:/.*)?"))),
            Self::Under(_) => Err("`under` is for paths, domain names and addresses".to_owned()),
            Self::Is(values) if path => each(values, &|value| Ok(path_expression(value, ""))),
            Self::Glob(values) if path => each(values, &|value| Ok(path_expression(value, ""))),
            Self::Is(values) => each(values, &|value| Ok(format!("^(?is-u:{})$", literal(value)))),
            Self::Prefix(values) => each(values, &|value| Ok(format!("^(?is-u:{})", fixed(value, path)))),
            Self::Suffix(values) => each(values, &|value| Ok(format!("(?is-u:{})$", fixed(value, path)))),
            Self::Glob(values) => each(values, &|value| Ok(format!("^(?is-u:{})$", wildcards(value, false)))),
            Self::Regex(values) => each(values, &|value| Ok(value.to_owned())),
        }
    }
}

/// An address prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `37.203.128.0/24` or one address; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address prefix such as 192.0.2.0/24");
        let (network, bits) = text.split_once('/').unwrap_or((text, ""));
        let network: IpAddr = network.parse().map_err(|_| wrong())?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = if bits.is_empty() { most } else { bits.parse().map_err(|_| wrong())? };
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { network, bits })
    }

    /// Is `address` inside?
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(network).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(network).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// Bytes as a dossier writes them: hex pairs, or `text:` and ASCII.
pub(crate) fn parse_bytes(text: &str) -> Result<Vec<u8>, String> {
    let bytes = match text.strip_prefix("text:") {
        Some(plain) => plain.as_bytes().to_vec(),
        None => text
            .split_ascii_whitespace()
            .map(|pair| u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| format!("`{text}`: write hex pairs such as 4b 41 56, or text:KAV"))?,
    };
    // Four bytes turn up by chance in any large program.
    if bytes.len() < 5 {
        Err(format!("`{text}` is too short to mean anything: five bytes at least"))
    } else {
        Ok(bytes)
    }
}

/// Bytes as a dossier writes them.
pub fn spell(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return format!("text:{}", String::from_utf8_lossy(bytes));
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn compiles(expression: String) -> Result<String, String> {
    // Reading it is enough to see whether it is one; compiling all of a dossier would be most of a look's start.
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    parser.parse(&expression).map_err(|error| error.to_string())?;
    Ok(expression)
}

/// `text` so that it stands for itself; bytes beyond ASCII are spelled out, since the expression works on bytes.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        push_literal(&mut out, letter);
    }
    out
}

fn push_literal(out: &mut String, letter: char) {
    let mut buffer = [0; 4];
    let bytes = letter.encode_utf8(&mut buffer);
    if letter.is_ascii() {
        out.push_str(&regex::escape(bytes));
    } else {
        bytes.bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02X}")));
    }
}

fn fixed(text: &str, path: bool) -> String {
    literal(&if path { text.replace('\\', "/") } else { text.to_owned() })
}

/// A path pattern as an expression. A path is looked for below any root: the machine's own, or one that lies in a
/// folder of it (a container, a backup, a mounted disk).
fn path_expression(pattern: &str, tail: &str) -> String {
    let pattern = pattern.replace('\\', "/");
    let (base, pattern) = variable(pattern.trim_end_matches('/'));
    let pattern = wildcards(pattern, true).replace("\u{0}", "(?:wow6432node/)?");
    format!("^(?is-u:(?P<root>.*?)(?P<base>{base}{pattern}){tail})$")
}

/// The folder a leading variable stands for, and the rest of the pattern.
fn variable(pattern: &str) -> (&'static str, &str) {
    const VARIABLES: [(&str, &str); 11] = [
        ("%programfiles(x86)%", r"/program files(?: \(x86\))?"),
        ("%programfiles%", r"/program files(?: \(x86\))?"),
        ("%commonprogramfiles%", r"/program files(?: \(x86\))?/common files"),
        ("%programdata%", r"/(?:programdata|documents and settings/all users/application data)"),
        ("%systemroot%", r"/(?:windows|winnt)"),
        ("%windir%", r"/(?:windows|winnt)"),
        ("%systemdrive%", ""),
        (
            "%localappdata%",
            r"/(?:users|documents and settings)/[^/]*/(?:appdata/local|local settings/application data)",
        ),
        ("%appdata%", r"/(?:users|documents and settings)/[^/]*/(?:appdata/roaming|application data)"),
        ("%userprofile%", r"/(?:users|documents and settings)/[^/]*"),
        ("~", r"/(?:root|(?:home|users|documents and settings)/[^/]*)"),
    ];
    let lower = pattern.to_ascii_lowercase();
    for (name, folder) in VARIABLES {
        if lower.starts_with(name) {
            return (folder, &pattern[name.len()..]);
        }
    }
    ("", pattern)
}

/// Wildcards as an expression. In paths `*` and `?` stay within one part and `**` does not.
fn wildcards(pattern: &str, path: bool) -> String {
    let mut out = String::new();
    let mut depth = 0;
    let any = if path { "[^/]" } else { "." };
    let pattern = if path {
        pattern.replace("[WOW6432Node/]", "\u{0}").replace("[wow6432node/]", "\u{0}")
    } else {
        pattern.to_owned()
    };
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{0}' => out.push('\u{0}'),
            '*' if path && letters.peek() == Some(&'*') => {
                letters.next();
                out.push_str(".*");
            }
            '*' => {
                out.push_str(any);
                out.push('*');
            }
            '?' => out.push_str(any),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            other => push_literal(&mut out, other),
        }
    }
    (0..depth).for_each(|_| out.push(')'));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::bytes::Regex;

    fn holds(test: Test, syntax: Syntax, value: &str) -> bool {
        let expressions = test.expressions(syntax).unwrap();
        expressions.iter().any(|expression| Regex::new(expression).unwrap().is_match(value.as_bytes()))
    }

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn case_does_not_matter_but_borders_do() {
        assert!(holds(Test::Is(one("kesl")), Syntax::Text, "KESL"));
        assert!(!holds(Test::Is(one("kesl")), Syntax::Text, "kesl-gui"));
        assert!(holds(Test::Glob(one("Kaspersky *")), Syntax::Text, "kaspersky Endpoint"));
        assert!(!holds(Test::Glob(one("Kaspersky *")), Syntax::Text, "KasperSkytte"));
        assert!(!holds(Test::Regex(one(r"(?i)\bkaspersky\b")), Syntax::Text, "KasperSkytte"));
        assert!(holds(Test::Is(one("卡巴斯基")), Syntax::Text, "卡巴斯基"));
    }

    #[test]
    fn a_folder_is_found_below_any_root_and_nothing_beside_it() {
        let kesl = || Test::Under(one("/opt/kaspersky/kesl"));
        assert!(holds(kesl(), Syntax::Path, "/opt/kaspersky/kesl"));
        assert!(holds(kesl(), Syntax::Path, "/opt/kaspersky/kesl/bin/kesl-control"));
        assert!(holds(kesl(), Syntax::Path, "/var/lib/machines/pc7/opt/kaspersky/kesl/bin"));
        assert!(!holds(kesl(), Syntax::Path, "/opt/kaspersky/kesl-gui"));
    }

    #[test]
    fn windows_folders_and_both_registry_views() {
        let folder = || Test::Under(one(r"%ProgramFiles(x86)%\Kaspersky Lab"));
        assert!(holds(folder(), Syntax::Path, "/Program Files/Kaspersky Lab/avp.exe"));
        assert!(holds(folder(), Syntax::Path, "/mnt/c/Program Files (x86)/KASPERSKY LAB"));
        let key = || Test::Under(one(r"HKLM\SOFTWARE\[WOW6432Node\]KasperskyLab"));
        assert!(holds(key(), Syntax::Path, "HKLM/SOFTWARE/KasperskyLab/AVP21.3"));
        assert!(holds(key(), Syntax::Path, "HKLM/SOFTWARE/WOW6432Node/KasperskyLab"));
    }

    #[test]
    fn names_below_a_domain_and_addresses_in_a_prefix() {
        let ksn = || Test::Under(one("ksn.kaspersky-labs.com"));
        assert!(holds(ksn(), Syntax::Domain, "a.b.KSN.kaspersky-labs.com."));
        assert!(!holds(ksn(), Syntax::Domain, "notksn.kaspersky-labs.com"));
        let prefix = Cidr::parse("37.203.128.0/24").unwrap();
        assert!(prefix.contains("37.203.128.7".parse().unwrap()));
        assert!(!prefix.contains("37.203.129.7".parse().unwrap()));
        assert!(Cidr::parse("0.0.0.0/0").unwrap().contains("9.9.9.9".parse().unwrap()));
    }
}
