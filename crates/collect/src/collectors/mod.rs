//! One module per collector; see [`crate::registry`].

pub(crate) mod accounts;
pub(crate) mod apk;
pub(crate) mod archives;
pub(crate) mod browser;
pub(crate) mod certs;
pub(crate) mod cron;
pub(crate) mod dpkg;
pub(crate) mod elf;
pub(crate) mod files;
pub(crate) mod flatpak;
pub(crate) mod init;
pub(crate) mod kmod;
pub(crate) mod maven;
pub(crate) mod npm;
pub(crate) mod os_release;
pub(crate) mod process;
pub(crate) mod pypi;
pub(crate) mod rpm;
pub(crate) mod snap;
pub(crate) mod systemd;
