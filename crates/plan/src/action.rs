//! Actions: typed, each with what it needs, what it comes to, how that is seen, and the way back. No action carries a
//! command line: what is run follows from the type.

use serde::{Deserialize, Serialize};

/// One step on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Its name in the plan of its asset: `a01`, `a02`, ...
    pub id: String,
    /// What is done.
    #[serde(flatten)]
    pub step: Step,
    /// The findings it serves.
    pub findings: Vec<String>,
    /// What must hold before.
    pub precondition: String,
    /// What it needs besides.
    pub needs: Vec<Need>,
    /// What it comes to.
    pub effect: String,
    /// How that is seen.
    pub verification: String,
    /// The way back.
    pub way_back: String,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    /// Goes on only if this package is installed: the replacement.
    RequirePackage {
        /// The package.
        package: String,
    },
    /// Stops, disables and masks a systemd unit.
    StopUnit {
        /// The unit's file name.
        unit: String,
    },
    /// Ends the processes that run this executable.
    EndProcesses {
        /// Path of the executable.
        executable: String,
    },
    /// Unloads a kernel module and denies loading it again.
    DenyModule {
        /// The module's name.
        module: String,
    },
    /// Removes a package with the machine's own package manager, configuration included.
    RemovePackage {
        /// The package manager.
        manager: Manager,
        /// The package.
        package: String,
        /// The version seen; another version is another package.
        version: String,
        /// Folders of the product, saved before the package's scripts can delete them.
        save: Vec<String>,
    },
    /// Moves a file or a folder with all that lies below it into the quarantine.
    Quarantine {
        /// The path.
        path: String,
        /// SHA-256 of the file; none: a folder.
        sha256: Option<String>,
    },
    /// Takes a certificate out of the machine's trust: its file, and then the bundles made of such files.
    RemoveCertificate {
        /// The file in the folder of trusted certificates.
        path: String,
        /// Its SHA-256.
        sha256: Option<String>,
    },
    /// Takes lines out of a file, such as a crontab.
    RemoveLines {
        /// The file.
        path: String,
        /// The lines, each as a whole.
        lines: Vec<String>,
    },
    /// Sends names nowhere, by the hosts file.
    BlockNames {
        /// The names.
        names: Vec<String>,
    },
}

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// dpkg, of Debian and its kin.
    Dpkg,
    /// rpm, of Fedora, Red Hat, SUSE and their kin.
    Rpm,
    /// apk, of Alpine.
    Apk,
    /// Flatpak.
    Flatpak,
    /// Snap.
    Snap,
    /// npm, for packages installed for the whole machine.
    Npm,
    /// pip, for packages of the system's Python.
    Pip,
}

impl Manager {
    /// The attribute by which its packages are seen.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Dpkg => "deb.name",
            Self::Rpm => "rpm.name",
            Self::Apk => "apk.name",
            Self::Flatpak => "flatpak.id",
            Self::Snap => "snap.name",
            Self::Npm => "npm.name",
            Self::Pip => "pypi.name",
        }
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Flatpak => "flatpak",
            Self::Snap => "snap",
            Self::Npm => "npm",
            Self::Pip => "pip",
        }
    }
}

/// What an action needs besides an approved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "need", rename_all = "kebab-case")]
pub enum Need {
    /// The rights of root.
    Root,
    /// A password, by the name it has where the agency keeps secrets; never the password itself.
    Password {
        /// Its name there.
        reference: String,
    },
    /// A restart before the effect is whole.
    Reboot,
    /// The product's own console must be told first.
    Console {
        /// What must be done there.
        what: String,
    },
}
