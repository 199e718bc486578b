//! What was not read, and why: gaps and exclusions.

use crate::{Locator, Presences};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something that should have been read was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapReason {
    /// The system did not let this user read it.
    PermissionDenied,
    /// The system failed to read it.
    IoError,
    /// Its content contradicts its format.
    Corrupt,
    /// It ends before its format says it does.
    Truncated,
    /// A bound on size, depth, count or time was reached.
    Limit,
    /// It is encrypted.
    Encrypted,
    /// A format this program recognises and cannot read.
    UnsupportedFormat,
    /// An archive or image that was not opened.
    ArchiveNotOpened,
    /// It changed while it was read.
    Changed,
    /// A reader failed in a way it should not have.
    ReaderFailed,
    /// A place that was named and could not be looked at.
    Unreached,
    /// Left out because the user said so.
    ExcludedByRequest,
    /// The look was made without something that is asked for now.
    NotCollected,
}

impl GapReason {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PermissionDenied => "permission-denied",
            Self::IoError => "io-error",
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::Limit => "limit",
            Self::Encrypted => "encrypted",
            Self::UnsupportedFormat => "unsupported-format",
            Self::ArchiveNotOpened => "archive-not-opened",
            Self::Changed => "changed",
            Self::ReaderFailed => "reader-failed",
            Self::Unreached => "unreached",
            Self::ExcludedByRequest => "excluded-by-request",
            Self::NotCollected => "not-collected",
        }
    }

    /// What a person can do about it.
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::PermissionDenied => "look again as root; where root may not either, accept the gap in the policy",
            Self::IoError => "check the disk or mount, then look again",
            Self::Corrupt | Self::Truncated => "repair or replace the file with its own tool, then look again",
            Self::Limit => "look at it by itself, or raise the limit that is named",
            Self::Encrypted => "unlock it, then look again",
            Self::UnsupportedFormat => "look with the format's own tool and accept the gap in the policy",
            Self::ArchiveNotOpened => "unpack it and look at the folder, or accept the gap in the policy",
            Self::Changed => "look again when nothing writes to it",
            Self::ReaderFailed => "report the file's format to the makers of this program, then accept the gap",
            Self::Unreached => "make the place reachable, then look again",
            Self::ExcludedByRequest => "look at it by itself, or accept the gap in the policy",
            Self::NotCollected => "look again with this version",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Something that should have been read and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What was not read.
    pub locator: Locator,
    /// Why.
    pub reason: GapReason,
    /// The presences that could lie unseen there.
    pub hides: Presences,
    /// The collector that met it.
    pub collector: String,
    /// What the system or the reader said.
    pub detail: String,
}

/// Why something is not of this asset or holds no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// The kernel's own file systems.
    VirtualFileSystem,
    /// Files of another machine.
    NetworkMount,
    /// A mount of what is looked at elsewhere in the same look.
    SeenElsewhere,
    /// Left out because the user said so; it is a gap as well.
    ByRequest,
    /// The program's own output and home.
    OwnOutput,
}

impl Exclusion {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::VirtualFileSystem => "virtual-file-system",
            Self::NetworkMount => "network-mount",
            Self::SeenElsewhere => "seen-elsewhere",
            Self::ByRequest => "by-request",
            Self::OwnOutput => "own-output",
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Something left out on purpose: listed, no gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// What was left out.
    pub locator: Locator,
    /// Why.
    pub reason: Exclusion,
}
