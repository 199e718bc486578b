//! Names in certificates: as text (RFC 4514), and the values in them.

use super::ber::{Element, OBJECT, SEQUENCE, SET};
use crate::reading::hex;
use std::fmt::Write as _;

pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
pub(super) const SERIAL_NUMBER: &[u8] = &[0x55, 4, 5];
pub(super) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
pub(super) const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 4, 11];

/// Real names take some hundred bytes.
const LONGEST: usize = 16 << 10;

/// Names that RFC 4514 and the registry of LDAP give to attributes.
const NAMES: [(&[u8], &str); 16] = [
    (COMMON_NAME, "CN"),
    (SERIAL_NUMBER, "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (ORGANIZATION, "O"),
    (ORGANIZATIONAL_UNIT, "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 42], "givenName"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 9, 1], "emailAddress"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// One attribute of a name: what it is, and its value.
type Attribute<'a> = (&'a [u8], Element<'a>);

/// The attributes of a name. Those of one inner list belong together.
fn attributes(name: Element<'_>) -> Result<Vec<Vec<Attribute<'_>>>, String> {
    if name.content.len() > LONGEST {
        return Err(format!("a name of more than {} KiB", LONGEST >> 10));
    }
    let mut list = Vec::new();
    for set in name.parts() {
        let set = set?;
        if set.tag != SET {
            return Err("a name that is no list of sets".to_owned());
        }
        let mut together = Vec::new();
        for pair in set.parts() {
            let pair = pair?;
            if pair.tag != SEQUENCE {
                return Err("a name with something else than pairs in it".to_owned());
            }
            let mut parts = pair.parts();
            let kind = parts.need(OBJECT, "kind of a part of a name")?.content;
            together.push((kind, parts.next().ok_or("a part of a name without a value")??));
        }
        list.push(together);
    }
    Ok(list)
}

/// A name as RFC 4514 writes it: last part first.
pub(super) fn text(name: Element<'_>) -> Result<String, String> {
    let parts: Vec<String> = attributes(name)?
        .iter()
        .rev()
        .map(|together| together.iter().map(|(kind, value)| pair(kind, *value)).collect::<Vec<_>>().join("+"))
        .collect();
    Ok(parts.join(","))
}

/// The values of one attribute of a name.
pub(super) fn values(name: Element<'_>, wanted: &[u8]) -> Result<Vec<String>, String> {
    let all = attributes(name)?;
    Ok(all.iter().flatten().filter(|(kind, _)| *kind == wanted).filter_map(|(_, value)| string(*value)).collect())
}

fn pair(kind: &[u8], value: Element<'_>) -> String {
    let name = NAMES.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name);
    match (name, string(value)) {
        (Some(name), Some(text)) => format!("{name}={}", escaped(&text)),
        (Some(name), None) => format!("{name}=#{}", hex(value.whole)),
        (None, _) => format!("{}=#{}", dotted(kind), hex(value.whole)),
    }
}

/// The text of a value, if it is one of the kinds of text.
fn string(value: Element<'_>) -> Option<String> {
    let bytes = value.content;
    match value.tag {
        // UTF-8, and those that are ASCII.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a => Some(String::from_utf8_lossy(bytes).into_owned()),
        // Nobody ever used the character sets of T.61: what is meant is Latin-1, or UTF-8.
        0x14 | 0x1b => Some(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        }),
        // UCS-4 and UCS-2; the latter is UTF-16 where somebody needs it.
        0x1c => {
            let letter = |four: &[u8]| {
                let number = <[u8; 4]>::try_from(four).map_or(0, u32::from_be_bytes);
                char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            Some(bytes.chunks_exact(4).map(letter).collect())
        }
        0x1e => {
            let units = bytes.chunks_exact(2).map(|two| two.iter().fold(0, |sum, byte| (sum << 8) | u16::from(*byte)));
            let letters = char::decode_utf16(units);
            Some(letters.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// A value in a name, with what would end or change it escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, letter) in text.chars().enumerate() {
        match letter {
            _ if letter.is_control() => {
                let mut buffer = [0; 4];
                for byte in letter.encode_utf8(&mut buffer).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\{byte:02X}");
                }
            }
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', letter]),
            ' ' if at == 0 || at == last => out.extend(['\\', letter]),
            '#' if at == 0 => out.extend(['\\', letter]),
            _ => out.push(letter),
        }
    }
    out
}

/// An object identifier in numbers and dots.
pub(super) fn dotted(kind: &[u8]) -> String {
    let mut out = String::new();
    let mut number: u128 = 0;
    for byte in kind {
        number = (number << 7) | u128::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if out.is_empty() {
            // The first two are written as one.
            let first = (number / 40).min(2);
            out = format!("{first}.{}", number - first * 40);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, ".{number}");
        }
        number = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::ber;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let mut bytes = vec![tag];
        if length > 0x7f {
            bytes.push(0x81);
        }
        bytes.push(length);
        bytes.extend_from_slice(content);
        bytes
    }

    fn part(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[element(OBJECT, kind), element(tag, value)].concat())
    }

    #[test]
    fn names_are_written_as_the_rfc_says() {
        let wide: Vec<u8> = "Касперский 漢".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let name = element(
            SEQUENCE,
            &[
                element(SET, &part(&[0x55, 4, 6], 0x13, b"RU")),
                element(SET, &part(&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 60, 2, 1, 3], 0x13, b"RU")),
                element(SET, &[part(ORGANIZATION, 0x1e, &wide), part(&[0x55, 4, 11], 0x14, b"caf\xe9")].concat()),
                element(SET, &part(COMMON_NAME, 0x0c, b" a, \"b\" + c\\#; \0 ")),
            ]
            .concat(),
        );
        let (name, _) = ber::first(&name).unwrap();
        assert_eq!(
            text(name).unwrap(),
            "CN=\\ a\\, \\\"b\\\" \\+ c\\\\#\\; \\00\\ ,O=Касперский 漢+OU=café,1.3.6.1.4.1.311.60.2.1.3=#13025255,C=RU"
        );
        assert_eq!(values(name, ORGANIZATION).unwrap(), ["Касперский 漢"]);
        assert_eq!(values(name, SERIAL_NUMBER).unwrap(), [""; 0]);
    }
}
