//! The entitlements in a code signature: a property list, and the same again in DER.

use super::{ENTITLEMENT, once};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, GapReason};
use ostrakon_place::Fault;

const MOST_ENTITLEMENTS: usize = 2_000;

/// Adds the keys of the entitlements that are a property list.
pub(super) fn list(bytes: &[u8], artifact: &mut Artifact) -> Result<(), Fault> {
    add(keys(&String::from_utf8_lossy(bytes))?, artifact)
}

/// Adds the keys of the entitlements in DER.
pub(super) fn der(bytes: &[u8], artifact: &mut Artifact) -> Result<(), Fault> {
    let damaged = || Fault::corrupt("its entitlements do not fit their part of the signature");
    add(der_keys(bytes).ok_or_else(damaged)?, artifact)
}

fn add(list: Vec<String>, artifact: &mut Artifact) -> Result<(), Fault> {
    if list.len() > MOST_ENTITLEMENTS {
        return Err(Fault::new(GapReason::Limit, format!("more than {MOST_ENTITLEMENTS} entitlements")));
    }
    for key in list {
        once(artifact, ENTITLEMENT, &encode(key.as_bytes()));
    }
    Ok(())
}

/// The keys of the outermost `dict` of a property list in XML. Those of the dictionaries in it are no entitlements.
fn keys(text: &str) -> Result<Vec<String>, Fault> {
    let damaged = || Fault::corrupt("its entitlements are no property list");
    if !text.contains("<plist") && !text.trim_matches(['\0', ' ', '\n']).is_empty() {
        return Err(damaged());
    }
    let mut list = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").ok_or_else(damaged)?.1;
            continue;
        }
        let (tag, after) = after.split_once('>').ok_or_else(damaged)?;
        rest = after;
        match tag.trim() {
            "dict" => depth = depth.saturating_add(1),
            "/dict" => depth = depth.checked_sub(1).ok_or_else(damaged)?,
            "key" if depth == 1 => {
                let (key, after) = rest.split_once("</key>").ok_or_else(damaged)?;
                let key = key.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                list.push(key.trim().to_owned());
                rest = after;
            }
            _ => {}
        }
    }
    if depth == 0 { Ok(list) } else { Err(damaged()) }
}

/// The keys of the entitlements in DER: a version and a list of pairs, or, in the first form of it, a set of pairs alone.
fn der_keys(der: &[u8]) -> Option<Vec<String>> {
    let (tag, outer, _) = element(der)?;
    let mut pairs = match tag {
        0x31 => outer,
        0x70 => {
            let (_, _version, rest) = element(outer)?;
            let (0xb0, pairs, _) = element(rest)? else { return None };
            pairs
        }
        _ => return None,
    };
    let mut list = Vec::new();
    while !pairs.is_empty() {
        let (0x30, pair, rest) = element(pairs)? else { return None };
        let (0x0c, key, _) = element(pair)? else { return None };
        list.push(String::from_utf8_lossy(key).into_owned());
        pairs = rest;
    }
    Some(list)
}

/// The first element of DER: its tag, of one byte, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entitlements_are_the_keys_of_the_outer_dictionary() {
        let text = "<?xml version=\"1.0\"?><plist><dict><!-- <key>no</key> --><key>com.apple.a</key><true/>\
                    <key>b &amp; c</key><dict><key>inner</key><string>x</string></dict></dict></plist>";
        assert_eq!(keys(text), Ok(vec!["com.apple.a".to_owned(), "b & c".to_owned()]));
        assert!(keys("<plist><dict><key>a</key>").is_err());
    }

    #[test]
    fn entitlements_in_der() {
        let der = b"\x70\x10\x02\x01\x01\xb0\x0b\x30\x09\x0c\x04com.\x01\x01\xff";
        assert_eq!(der_keys(der), Some(vec!["com.".to_owned()]));
        assert_eq!(der_keys(der.get(..9).unwrap()), None);
    }
}
