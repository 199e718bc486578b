//! Erlang and Elixir packages asked for in a `mix.lock` (a map of Elixir) or a `rebar.lock` (a term of Erlang). Both tools
//! write what they read again; their documentation: <https://hexdocs.pm/mix/Mix.Tasks.Deps.html>,
//! <https://rebar3.org/docs/configuration/dependencies/>.

use super::swift_package::{name_github, repository};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(crate) struct Mix;

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "mix",
    what: "Erlang and Elixir packages asked for in mix.lock and rebar.lock, with the repositories they come from.",
    cannot_see: "Projects without a lock file; packages in a folder of the project; releases that are built.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl"), Attribute::known("github.org")],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Name, version and, where it comes from a repository, its address.
type Dependency = (String, String, String);

impl Collector for Mix {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("mix.lock"), Interest::Name("rebar.lock")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version, address) in found {
            let mut artifact = declared(seen.locator(), Ecosystem::Hex, &name, &version);
            name_github(&mut artifact, &repository(&address), &version);
            out.add(artifact);
        }
        outcome
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Text(&'a str),
    Word(&'a str),
}

/// `"NAME": {:hex, :PACKAGE, "VERSION"`, `"NAME": {:git, "ADDRESS", "REVISION"`, and in Erlang
/// `{<<"NAME">>,{pkg,<<"PACKAGE">>,<<"VERSION">>`, `{<<"NAME">>,{git,"ADDRESS",{ref,"REVISION"}`.
fn read(text: &str, found: &mut BTreeSet<Dependency>) -> Outcome {
    use Token::{Open, Text, Word};
    let start = text.trim_start();
    if start.is_empty() {
        return Ok(Examined::Whole);
    }
    if !["%{", "{\"", "["].iter().any(|begin| start.starts_with(begin)) {
        return Ok(Examined::NotMine);
    }
    let (tokens, outcome) = tokens(text);
    let mut problem = None;
    for at in 0..tokens.len() {
        let (name, version, address) = match tokens.get(at..).unwrap_or_default() {
            [Text(_), Open, Word(":hex"), Word(name) | Text(name), Text(version), ..] => {
                (name.trim_start_matches(':'), *version, "")
            }
            [Text(_), Open, Word("pkg"), Text(name), Text(version), ..] => (*name, *version, ""),
            [Text(name), Open, Word(":git"), Text(address), Text(version), ..]
            | [Text(name), Open, Word("git"), Text(address), Open, Word("ref"), Text(version), ..]
            | [Text(name), Open, Word("git_subdir"), Text(address), Open, Word("ref"), Text(version), ..] => {
                (*name, *version, *address)
            }
            [Text(name), Open, Word(":hex" | "pkg" | ":git" | "git" | "git_subdir"), ..] => {
                problem = problem.or(Some(format!("{name} has no version")));
                continue;
            }
            _ => continue,
        };
        found.insert((name.to_owned(), version.to_owned(), address.to_owned()));
    }
    outcome?;
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// Brackets, texts and words of either language. Commas, the `:` after a key and the `<<` `>>` around a text say no more.
fn tokens(text: &str) -> (Vec<Token<'_>>, Outcome) {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '{' | '[' | '(' => {
                depth += 1;
                tokens.push(Token::Open);
                1
            }
            '}' | ']' | ')' => {
                let Some(less) = depth.checked_sub(1) else {
                    return (tokens, Err(Fault::corrupt("a bracket closes that never opened")));
                };
                depth = less;
                tokens.push(Token::Close);
                1
            }
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let Some(end) = end_of_text(inside) else {
                    return (tokens, Err(Fault::new(GapReason::Truncated, "it ends inside a text")));
                };
                tokens.push(Token::Text(inside.get(..end).unwrap_or_default()));
                end + 2
            }
            other if is_between(other) => other.len_utf8(),
            _ => {
                let ends = |letter: char| is_between(letter) || "{}[]()\"".contains(letter);
                let word = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or(rest);
                if word != ":" && word != "%" {
                    tokens.push(Token::Word(word));
                }
                word.len()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if depth > 0 {
        return (tokens, Err(Fault::new(GapReason::Truncated, "it ends inside brackets")));
    }
    (tokens, Ok(Examined::Whole))
}

fn is_between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ',' | '<' | '>')
}

/// Where the text ends that begins here: at the next quote that no `\` stands before.
fn end_of_text(inside: &str) -> Option<usize> {
    let mut escaped = false;
    inside.char_indices().find_map(|(at, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Outcome, Vec<String>) {
        let mut found = BTreeSet::new();
        let outcome = read(text, &mut found);
        (outcome, found.into_iter().map(|(name, version, from)| format!("{name} {version} {from}")).collect())
    }

    #[test]
    fn a_map_of_elixir_is_read() {
        let (outcome, found) = names(
            "%{\n  \"jason\": {:hex, :jason, \"1.4.1\", \"af1504\", [:mix], [{:decimal, \"~> 1.0\", [hex: :decimal]}], \"hexpm\", \"fb\"},\n  \
             \"x\": {:git, \"https://git.example/x.git\", \"0a1b\", [tag: \"v1\"]},\n}\n",
        );
        assert_eq!(outcome, Ok(Examined::Whole));
        assert_eq!(found, ["jason 1.4.1 ", "x 0a1b https://git.example/x.git"]);
    }

    #[test]
    fn a_term_of_erlang_is_read() {
        let (outcome, found) = names(
            "{\"1.2.0\",\n[{<<\"cowboy\">>,{pkg,<<\"cowboy\">>,<<\"2.9.0\">>},0},\n {<<\"x\">>,{git,\"https://git.example/x.git\",{ref,\"0a\"}},0}]}.\n\
             [\n{pkg_hash,[\n {<<\"cowboy\">>, <<\"865D\">>}]}\n].\n",
        );
        assert_eq!(outcome, Ok(Examined::Whole));
        assert_eq!(found, ["cowboy 2.9.0 ", "x 0a https://git.example/x.git"]);
    }

    #[test]
    fn a_file_that_ends_early_is_damage() {
        let (outcome, found) = names("%{\n  \"jason\": {:hex, :jason, \"1.4.1\", \"af15");
        assert_eq!(outcome.map_err(|fault| fault.reason), Err(GapReason::Truncated));
        assert_eq!(found.len(), 1);
        assert_eq!(names("just words").0, Ok(Examined::NotMine));
    }
}
