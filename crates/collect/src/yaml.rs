//! YAML from anywhere into small structs, with bounds on its size, its depth and on what its aliases unfold to.

use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, NonFiniteFloatPolicy, Options};

/// The lock files of the largest repositories have about a million nodes.
const MOST_NODES: usize = 4_000_000;

/// What a reader of lists and lock files needs is never nested deeper.
const DEEPEST: usize = 64;

/// Few files use aliases at all; those that do repeat a handful of lines.
const MOST_REPEATED: usize = 100_000;

/// The one document of a text.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| fault(&error))
}

/// All documents of a text; those that are empty are left out.
pub(crate) fn parse_all<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Fault> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| fault(&error))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MOST_NODES.saturating_mul(2),
            max_nodes: MOST_NODES,
            max_depth: DEEPEST,
            max_documents: 64,
            max_anchors: 10_000,
            max_aliases: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_REPEATED,
            max_replay_stack_depth: 16,
        },
        // A hash such as 12e4567 looks like a number too large, and nobody asks for it.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // The words of a fault are one line; the file itself is not quoted.
        with_snippet: false,
    }
}

fn fault(error: &Error) -> Fault {
    let mut cause = error;
    while let Error::AliasError { error, .. } | Error::WithSnippet { error, .. } = cause {
        cause = error;
    }
    let reason = match cause {
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => GapReason::Limit,
        _ => GapReason::Corrupt,
    };
    Fault::new(reason, error.to_string().lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn numbers_keep_their_letters_where_text_is_asked_for() {
        let map: BTreeMap<String, String> = parse("version: 1.10\nname: '6.0'\n").unwrap();
        assert_eq!((map["version"].as_str(), map["name"].as_str()), ("1.10", "6.0"));
    }

    #[test]
    fn documents_are_read_one_by_one() {
        let list: Vec<BTreeMap<String, String>> = parse_all("---\na: x\n---\nb: y\n").unwrap();
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn aliases_that_unfold_without_end_are_a_limit() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for at in 1..10 {
            let before = format!("*a{}, ", at - 1).repeat(9);
            text.push_str(&format!("a{at}: &a{at} [{before}*a{}]\n", at - 1));
        }
        let fault = parse::<BTreeMap<String, serde_json::Value>>(&text).unwrap_err();
        assert_eq!(fault.reason, GapReason::Limit);
    }

    #[test]
    fn nonsense_is_corrupt() {
        let fault = parse::<BTreeMap<String, String>>("a: [x\nb: }").unwrap_err();
        assert_eq!(fault.reason, GapReason::Corrupt);
    }
}
