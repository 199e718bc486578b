//! What reads hostile files locks itself down first: on Linux with Landlock, the process can then write nowhere but in the
//! folder of its own output, and open no TCP connection.

use std::path::{Path, PathBuf};

/// How far the lock reaches, in words for the methodology.
pub(crate) fn lock(outputs: &[&Path]) -> String {
    #[cfg(target_os = "linux")]
    return linux::lock(outputs);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = outputs;
        "no lock on this system".to_owned()
    }
}

/// The folder a file is written in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetStatus,
    };
    use std::path::Path;

    pub(super) fn lock(outputs: &[&Path]) -> String {
        match restrict(outputs) {
            Ok(RulesetStatus::FullyEnforced) => "Landlock: no write but to the output, no TCP".to_owned(),
            Ok(RulesetStatus::PartiallyEnforced) => {
                "Landlock, as far as this kernel has it: no write but to the output".to_owned()
            }
            Ok(RulesetStatus::NotEnforced) => "no lock: this kernel has no Landlock".to_owned(),
            Err(error) => format!("no lock: {error}"),
        }
    }

    fn restrict(outputs: &[&Path]) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
        let abi = ABI::V5;
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .create()?
            .add_rule(PathBeneath::new(PathFd::new("/")?, AccessFs::ReadFile | AccessFs::ReadDir))?;
        let write: BitFlags<AccessFs> =
            AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate | AccessFs::Refer;
        for output in outputs {
            let folder = super::folder_of(output);
            rules = rules.add_rule(PathBeneath::new(PathFd::new(folder)?, write))?;
        }
        Ok(rules.restrict_self()?.ruleset)
    }
}
