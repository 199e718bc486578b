//! TOML from anywhere into small structs. Depth is bounded by the parser.

use ostrakon_place::Fault;
use serde::de::DeserializeOwned;

/// The document of a text.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    toml::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        Fault::corrupt(format!("line {line}: {}", error.message()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_its_line() {
        let fault = parse::<toml::Table>("a = 1\nb = [2\nc = 3\n").unwrap_err();
        assert!(fault.detail.starts_with("line "), "{}", fault.detail);
        assert!(!fault.detail.contains('\n'));
        assert!(parse::<toml::Table>("a = 1\n").is_ok());
    }
}
