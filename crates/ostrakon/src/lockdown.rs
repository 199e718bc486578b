//! What reads hostile files locks itself down first. On Linux the process can then write nowhere but in the folder of its
//! own output (Landlock), make no socket and start no program (seccomp).

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
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    use std::path::Path;

    type Failed = Box<dyn std::error::Error>;

    pub(super) fn lock(outputs: &[&Path]) -> String {
        let calls = forbid_calls();
        let files = restrict_files(outputs, calls.is_ok());
        let files = match files {
            Ok(RulesetStatus::FullyEnforced) => "no write but to the output (Landlock)".to_owned(),
            Ok(RulesetStatus::PartiallyEnforced) => {
                "no write but to the output, as far as this kernel has it (Landlock)".to_owned()
            }
            Ok(RulesetStatus::NotEnforced) => "no lock on files: this kernel has no Landlock".to_owned(),
            Err(error) => format!("no lock on files: {error}"),
        };
        match calls {
            Ok(()) => format!("{files}, no sockets and no programs (seccomp)"),
            Err(error) => format!("{files}, no lock on system calls: {error}"),
        }
    }

    /// Takes away the calls that reading files never needs: sockets, other programs, mounts, and cutting a file by its path.
    fn forbid_calls() -> Result<(), Failed> {
        const FORBIDDEN: &[i64] = &[
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_truncate,
            libc::SYS_ptrace,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
        ];
        let filter = SeccompFilter::new(
            FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect(),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::EPERM.unsigned_abs()),
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter(&program)?)
    }

    /// Takes away every way to change a file but those inside the folders of the output.
    ///
    /// Reading is not restricted, and neither is cutting files where `truncate` is forbidden already: the kernel would
    /// otherwise climb from every file that is opened to the root, a third of the time of a look.
    fn restrict_files(outputs: &[&Path], cannot_truncate: bool) -> Result<RulesetStatus, Failed> {
        let abi = ABI::V5;
        let mut handled = AccessFs::from_write(abi) & !BitFlags::from(AccessFs::IoctlDev);
        if cannot_truncate {
            handled &= !BitFlags::from(AccessFs::Truncate);
        }
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(handled)?
            .handle_access(AccessNet::from_all(abi))?
            .create()?;
        let write = (AccessFs::WriteFile
            | AccessFs::MakeReg
            | AccessFs::MakeDir
            | AccessFs::RemoveFile
            | AccessFs::RemoveDir
            | AccessFs::Truncate
            | AccessFs::Refer)
            & handled;
        for output in outputs {
            let folder = super::folder_of(output);
            rules = rules.add_rule(PathBeneath::new(PathFd::new(folder)?, write))?;
        }
        Ok(rules.restrict_self()?.ruleset)
    }
}
