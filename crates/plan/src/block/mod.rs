//! Deny rules made from an order and its dossiers, in the form of the tool that enforces them. What the order takes in
//! and what is confirmed or probable becomes a rule. What a form cannot say is listed, never dropped.

mod applocker;
mod browser;
mod dns;
mod fapolicyd;
mod names;
mod nftables;
mod packages;
mod paths;
mod santa;
mod select;
mod text;
mod wdac;
mod windows;

use jiff::civil::Date;
use ostrakon_order::{Dossier, Order};
use select::{Input, Left};
use std::fmt;
use text::Comment;

/// The form of the rules: who is to read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The packet filter of Linux.
    Nftables,
    /// A response policy zone, for a name server.
    Rpz,
    /// Lines of a hosts file.
    Hosts,
    /// The file access policy daemon of Linux.
    Fapolicyd,
    /// AppLocker of Windows.
    Applocker,
    /// App Control of Windows, formerly WDAC.
    Wdac,
    /// Santa on macOS, as a configuration profile.
    Santa,
    /// Policies of Chrome and its kin.
    ChromePolicy,
    /// Policies of Firefox.
    FirefoxPolicy,
    /// Preferences of apt.
    Apt,
    /// Exclusions of dnf.
    Dnf,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 11] = [
        Self::Nftables,
        Self::Rpz,
        Self::Hosts,
        Self::Fapolicyd,
        Self::Applocker,
        Self::Wdac,
        Self::Santa,
        Self::ChromePolicy,
        Self::FirefoxPolicy,
        Self::Apt,
        Self::Dnf,
    ];

    /// The word as the command line writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Rpz => "rpz",
            Self::Hosts => "hosts",
            Self::Fapolicyd => "fapolicyd",
            Self::Applocker => "applocker",
            Self::Wdac => "wdac",
            Self::Santa => "santa",
            Self::ChromePolicy => "chrome-policy",
            Self::FirefoxPolicy => "firefox-policy",
            Self::Apt => "apt",
            Self::Dnf => "dnf",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Rules in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The file.
    pub text: String,
    /// What it can break, and what else to know before it is put in force.
    pub warnings: Vec<String>,
    /// Commands that take the rules back, one a line.
    pub way_back: String,
    /// Commands that put them in force, one a line.
    pub install: String,
    /// What became no rule: the reason, and the indicators.
    pub not_expressed: Vec<String>,
    /// How many rules deny something.
    pub count: usize,
}

/// The names of hosts that a hosts file can refuse for `order`: what a plan blocks on a machine itself.
pub fn host_names(order: &Order, dossiers: &[&Dossier]) -> Vec<String> {
    names::Names::of(Input { order, dossiers }, &mut Left::default()).known.into_iter().collect()
}

/// Makes the rules of `order` in one form. `today` is the day the file says it was made on.
pub fn rules(order: &Order, dossiers: &[&Dossier], form: Form, today: Date) -> Rules {
    let input = Input { order, dossiers };
    let mut left = Left::default();
    let draft = match form {
        Form::Nftables => nftables::draft(input, &mut left),
        Form::Rpz => dns::rpz(input, today, &mut left),
        Form::Hosts => dns::hosts(input, &mut left),
        Form::Fapolicyd => fapolicyd::draft(input, &mut left),
        Form::Applocker => applocker::draft(input, &mut left),
        Form::Wdac => wdac::draft(input, today, &mut left),
        Form::Santa => santa::draft(input, &mut left),
        Form::ChromePolicy => browser::chrome(input, &mut left),
        Form::FirefoxPolicy => browser::firefox(input, &mut left),
        Form::Apt => packages::apt(input, &mut left),
        Form::Dnf => packages::dnf(input, &mut left),
    };
    let not_expressed = left.lines();
    let first = text::made(input, form, today, draft.count);
    let text = text::whole(&draft, &first, &not_expressed);
    let mut warnings = Vec::new();
    if draft.comment == Comment::None {
        warnings.push(format!("The form has no comments, so this is said here only. {first} {}", draft.allow));
    }
    if draft.count == 0 {
        warnings.push("No rule came of it: the dossiers hold nothing for this form that is sure enough.".to_owned());
    }
    warnings.extend(draft.breaks);
    Rules { text, warnings, way_back: draft.way_back, install: draft.install, not_expressed, count: draft.count }
}
