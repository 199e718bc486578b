//! The closed lists of words: presence, product kind, grade.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What a finding says about the product's state on the asset, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// A process or loaded module of the product.
    Running,
    /// Registered with the system: package database, unit, extension.
    Installed,
    /// Its files lie there, not installed.
    Dormant,
    /// Inside another maker's product.
    Embedded,
    /// Left by an uninstall: settings, certificates, empty folders.
    Remnant,
    /// A dependency asked for, not seen.
    Declared,
    /// Traffic to or from it.
    Contact,
    /// Bought: contract or catalogue.
    Procured,
}

impl Presence {
    /// Every presence, strongest first.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Installed,
        Self::Dormant,
        Self::Embedded,
        Self::Remnant,
        Self::Declared,
        Self::Contact,
        Self::Procured,
    ];

    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Installed => "installed",
            Self::Dormant => "dormant",
            Self::Embedded => "embedded",
            Self::Remnant => "remnant",
            Self::Declared => "declared",
            Self::Contact => "contact",
            Self::Procured => "procured",
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A set of presences: what a gap could hide, what an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Presences(u8);

impl Presences {
    /// No presence.
    pub const NONE: Self = Self(0);
    /// Every presence that files on a machine can show: all but running, contact and procured.
    pub const FILES: Self =
        Self::of(&[Presence::Installed, Presence::Dormant, Presence::Embedded, Presence::Remnant, Presence::Declared]);

    /// The set of `words`.
    pub const fn of(words: &[Presence]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < words.len() {
            bits |= 1 << words[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Is `presence` in the set?
    pub const fn contains(self, presence: Presence) -> bool {
        self.0 & (1 << presence as u8) != 0
    }

    /// Adds one presence.
    pub fn insert(&mut self, presence: Presence) {
        self.0 |= 1 << presence as u8;
    }

    /// Everything in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is there a presence in both sets?
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Is the set empty?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The presences of the set, strongest first.
    pub fn iter(self) -> impl Iterator<Item = Presence> {
        Presence::ALL.into_iter().filter(move |presence| self.contains(*presence))
    }
}

impl FromIterator<Presence> for Presences {
    fn from_iter<I: IntoIterator<Item = Presence>>(words: I) -> Self {
        let mut set = Self::NONE;
        words.into_iter().for_each(|word| set.insert(word));
        set
    }
}

impl fmt::Display for Presences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Presence::word).collect();
        f.pad(&words.join(", "))
    }
}

impl Serialize for Presences {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Presences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Presence>::deserialize(deserializer).map(|words| words.into_iter().collect())
    }
}

/// What kind of thing a product is: an order's scope chooses by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductKind {
    /// Information security software.
    Security,
    /// Consoles and agents that manage other products.
    Management,
    /// Portable scanners and removers.
    Tool,
    /// Open-source libraries and SDKs of the vendor.
    Library,
    /// A service, hosted or human.
    Service,
    /// Hardware.
    Device,
    /// Any other application.
    App,
}

impl ProductKind {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Management => "management",
            Self::Tool => "tool",
            Self::Library => "library",
            Self::Service => "service",
            Self::Device => "device",
            Self::App => "app",
        }
    }
}

impl fmt::Display for ProductKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How sure a match or a finding is. Ordered: `Possible < Probable < Confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Never counts until a person rules on it.
    Possible,
    /// Two independent marks agree.
    Probable,
    /// One mark that nothing else carries.
    Confirmed,
}

impl Grade {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Confirmed => "confirmed",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
