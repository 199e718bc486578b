//! JSON from anywhere into small structs; also the dialect with comments and trailing commas that people write by hand.

use memchr::memmem;
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use serde::de::DeserializeOwned;

/// One value, with or without a byte order mark before it. Depth is bounded by the parser.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|error| {
        let reason = if error.is_eof() { GapReason::Truncated } else { GapReason::Corrupt };
        Fault::new(reason, error.to_string())
    })
}

/// The same without comments and trailing commas: each becomes blanks, so that places in messages stay true.
pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut comma: Option<usize> = None;
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let length = match rest {
            [b'"', ..] => string(rest),
            [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', inside @ ..] => memmem::find(inside, b"*/").map_or(rest.len(), |at| at.saturating_add(4)),
            _ => 1,
        };
        let (token, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        match first {
            b'/' if token.len() > 1 => {
                out.extend(token.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' => comma = Some(out.len()),
            b'}' | b']' => {
                if let Some(at) = comma.take()
                    && let Some(byte) = out.get_mut(at)
                {
                    *byte = b' ';
                }
            }
            _ => comma = None,
        }
        out.extend_from_slice(token);
    }
    out
}

/// How long the string is that begins here; to the end where nothing closes it.
fn string(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn comments_and_trailing_commas_go_and_strings_stay() {
        let text = br#"{
            // one, "two"
            "a": [1, 2, /* three ] */ ],
            "b": "// no, /* comment */ ,}\\\"",
            "c": "x,",
        }"#;
        let value: Value = parse(&plain(text)).unwrap();
        assert_eq!(value, json!({ "a": [1, 2], "b": "// no, /* comment */ ,}\\\"", "c": "x," }));
    }

    #[test]
    fn what_has_no_end_is_no_panic() {
        for text in ["\"", "\"\\", "/*", "/*/", "//", "/", ",", ",}", "[1,,]", ""] {
            assert!(parse::<Value>(&plain(text.as_bytes())).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cut_is_told_from_damage() {
        assert_eq!(parse::<Value>(b"{\"a\": [1").unwrap_err().reason, GapReason::Truncated);
        assert_eq!(parse::<Value>(b"{a}").unwrap_err().reason, GapReason::Corrupt);
        assert_eq!(parse::<Value>(b"\xef\xbb\xbf1").unwrap(), json!(1));
    }
}
