//! All tests on one attribute as one automaton: a table for equal texts, one set of expressions for the rest.

use ostrakon_model::Attribute;
use ostrakon_model::vocabulary::Syntax;
use ostrakon_order::pattern::{Cidr, Test};
use regex::bytes::{Regex, RegexSet, RegexSetBuilder};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

use std::net::IpAddr;
use std::sync::OnceLock;

/// Which of all indicators a value fits. Numbers are positions in the recogniser's list.
#[derive(Debug)]
pub(crate) struct Matcher {
    equal: FxHashMap<Vec<u8>, Vec<u32>>,
    expressions: Vec<(String, u32)>,
    networks: Vec<(Cidr, u32)>,
    /// Compiled when the first value comes: most attributes of a dossier never see one.
    set: OnceLock<Option<RegexSet>>,
    path: bool,
}

/// How many expressions one set may hold before it is worth asking whether they fit together.
const MANY: usize = 5_000;

impl Matcher {
    pub(crate) fn of<'a>(attribute: Attribute, tests: impl Iterator<Item = (u32, &'a Test)>) -> Self {
        let syntax = attribute.info().syntax;
        let mut matcher = Self {
            equal: FxHashMap::default(),
            expressions: Vec::new(),
            networks: Vec::new(),
            set: OnceLock::new(),
            path: syntax == Syntax::Path,
        };
        for (indicator, test) in tests {
            match test {
                Test::Is(values) if syntax != Syntax::Path => {
                    for value in values {
                        matcher.equal.entry(value.to_ascii_lowercase().into_bytes()).or_default().push(indicator);
                    }
                }
                Test::Bytes(values) => {
                    for value in values {
                        matcher.equal.entry(hex(value).into_bytes()).or_default().push(indicator);
                    }
                }
                Test::Under(values) if syntax == Syntax::Address => {
                    let networks = values.iter().filter_map(|value| Cidr::parse(value).ok());
                    matcher.networks.extend(networks.map(|network| (network, indicator)));
                }
                // Tests are compiled once when a dossier is read: what fails there never comes here.
                other => matcher
                    .expressions
                    .extend(other.expressions(syntax).unwrap_or_default().into_iter().map(|text| (text, indicator))),
            }
        }
        matcher
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.expressions.is_empty() && self.networks.is_empty()
    }

    /// Adds every indicator that `value` fits to `found`; `scratch` saves an allocation.
    pub(crate) fn find(&self, value: &str, scratch: &mut Vec<u8>, found: &mut Vec<u32>) {
        let slashed = slashes(value, self.path);
        let value = slashed.as_ref();
        if !self.equal.is_empty() {
            scratch.clear();
            scratch.extend(value.bytes().map(|byte| byte.to_ascii_lowercase()));
            if let Some(list) = self.equal.get(scratch) {
                found.extend(list);
            }
        }
        if let Some(set) = self.set()
            && set.is_match(value.as_bytes())
        {
            found.extend(set.matches(value.as_bytes()).into_iter().map(|at| self.expressions[at].1));
        }
        if !self.networks.is_empty()
            && let Ok(address) = value.parse::<IpAddr>()
        {
            let fits = self.networks.iter().filter(|(network, _)| network.contains(address));
            found.extend(fits.map(|(_, indicator)| *indicator));
        }
    }

    /// Are there so many expressions that they might not fit together?
    pub(crate) fn is_large(&self) -> bool {
        self.expressions.len() > MANY
    }

    fn set(&self) -> Option<&RegexSet> {
        let compile = || {
            let texts = self.expressions.iter().map(|(text, _)| text);
            (!self.expressions.is_empty())
                .then(|| RegexSetBuilder::new(texts).size_limit(256 << 20).dfa_size_limit(64 << 20).build().ok())
                .flatten()
        };
        self.set.get_or_init(compile).as_ref()
    }

    /// Compiles now, and says whether that worked.
    pub(crate) fn compile(&self) -> bool {
        self.expressions.is_empty() || self.set().is_some()
    }
}

/// One test outside a set: for conditions, and to find which part of a path it speaks of.
#[derive(Debug)]
pub(crate) struct Single {
    equal: Vec<String>,
    networks: Vec<Cidr>,
    expressions: Vec<Regex>,
    path: bool,
}

impl Single {
    pub(crate) fn of(attribute: Attribute, test: &Test) -> Self {
        let syntax = attribute.info().syntax;
        let expressions = test.expressions(syntax).unwrap_or_default();
        let equal = match test {
            Test::Bytes(values) => values.iter().map(|value| hex(value)).collect(),
            _ => Vec::new(),
        };
        let networks = match test {
            Test::Under(values) if syntax == Syntax::Address => {
                values.iter().filter_map(|value| Cidr::parse(value).ok()).collect()
            }
            _ => Vec::new(),
        };
        let expressions = expressions.iter().filter_map(|text| Regex::new(text).ok()).collect();
        Self { equal, networks, expressions, path: syntax == Syntax::Path }
    }

    pub(crate) fn fits(&self, value: &str) -> bool {
        let slashed = slashes(value, self.path);
        let value = slashed.as_ref();
        let address = || value.parse::<IpAddr>();
        if !self.networks.is_empty()
            && address().is_ok_and(|it| self.networks.iter().any(|network| network.contains(it)))
        {
            return true;
        }
        self.equal.iter().any(|equal| equal == value)
            || self.expressions.iter().any(|expression| expression.is_match(value.as_bytes()))
    }

    /// Of a path that fits: what lies above the part the test names, and that part.
    pub(crate) fn parts<'v>(&self, value: &'v str) -> Option<(&'v str, &'v str)> {
        self.expressions.iter().find_map(|expression| {
            let groups = expression.captures(value.as_bytes())?;
            let (root, base) = (groups.name("root")?, groups.name("base")?);
            Some((value.get(root.range())?, value.get(root.start()..base.end())?))
        })
    }
}

/// `/` and `\\` are one separator in paths.
fn slashes(value: &str, path: bool) -> Cow<'_, str> {
    if path && value.contains('\\') { Cow::Owned(value.replace('\\', "/")) } else { Cow::Borrowed(value) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
