//! CPE names: those of version 2.2, which begin with `cpe:/`, in the form of 2.3, and the vendor of a name.
//! Both forms are described in NIST IR 7695.

use ostrakon_model::locator::decode;

/// The fields of a name after `cpe:2.3:`.
const FIELDS: usize = 11;

/// A CPE name in the form of version 2.3; `None` where the text is none.
pub(crate) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with("cpe:2.3:") {
        return Some(text.to_owned());
    }
    let mut fields: Vec<&str> = text.strip_prefix("cpe:/")?.split(':').collect();
    if fields.len() > 7 {
        return None;
    }
    fields.resize(7, "");
    // What came with 2.3 is packed into the sixth field there: `~edition~software~target software~hardware~other`.
    let packed = fields.get(5).filter(|field| field.starts_with('~')).map(|field| field.split('~').skip(1));
    let mut rest: Vec<&str> = packed.into_iter().flatten().take(5).collect();
    rest.resize(5, "");
    let (edition, rest) = rest.split_first()?;
    let (language, fields) = fields.split_last()?;
    let (own, fields) = fields.split_last()?;
    let edition = if own.starts_with('~') { edition } else { own };
    let mut out = String::from("cpe:2.3");
    for field in fields.iter().chain([edition, language]).chain(rest).take(FIELDS) {
        out.push(':');
        push_field(&mut out, field);
    }
    Some(out)
}

/// One field of the old form in the new one.
fn push_field(out: &mut String, field: &str) {
    match field {
        "" => out.push('*'),
        "-" => out.push('-'),
        _ => {
            for letter in String::from_utf8_lossy(&decode(field)).chars() {
                match letter {
                    '\u{1}' => out.push('?'),
                    '\u{2}' => out.push('*'),
                    _ if letter.is_ascii_alphanumeric() || "_.-".contains(letter) || !letter.is_ascii() => {
                        out.push(letter);
                    }
                    _ => out.extend(['\\', letter]),
                }
            }
        }
    }
}

/// The vendor of a name of version 2.3, without its `\`; `None` where it is open.
pub(crate) fn vendor(name: &str) -> Option<String> {
    let mut vendor = String::new();
    let mut field = 0;
    let mut letters = name.strip_prefix("cpe:2.3:")?.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if field == 1 => break,
            ':' => field = 1,
            '\\' => {
                let next = letters.next();
                vendor.extend(next.filter(|_| field == 1));
            }
            _ if field == 1 => vendor.push(letter),
            _ => {}
        }
    }
    Some(vendor).filter(|vendor| !matches!(vendor.as_str(), "" | "*" | "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_becomes_the_new() {
        let cases = [
            ("cpe:/a:kaspersky:anti-virus:7.0", "cpe:2.3:a:kaspersky:anti-virus:7.0:*:*:*:*:*:*:*"),
            ("cpe:/a:hp:insight:7.4:-:~~online~win2003~x64~", "cpe:2.3:a:hp:insight:7.4:-:*:*:online:win2003:x64:*"),
            ("cpe:/a:foo~bar:big%24money", "cpe:2.3:a:foo\\~bar:big\\$money:*:*:*:*:*:*:*:*"),
            ("cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "cpe:2.3:a:b:c:1:*:*:*:*:*:*:*"),
        ];
        for (old, new) in cases {
            assert_eq!(name(old).as_deref(), Some(new));
        }
        assert_eq!(name("kaspersky"), None);
    }

    #[test]
    fn the_vendor_is_the_second_field() {
        assert_eq!(vendor("cpe:2.3:a:kaspersky_lab:x:1:*:*:*:*:*:*:*").as_deref(), Some("kaspersky_lab"));
        assert_eq!(vendor("cpe:2.3:a:a\\:b\\!:x").as_deref(), Some("a:b!"));
        assert_eq!(vendor("cpe:2.3:a:*:x"), None);
    }
}
