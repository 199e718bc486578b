//! The collectors, one line each. A new one is a module, a line here, its attributes in the vocabulary, and a fixture.

use crate::collector::Collector;
use crate::collectors as c;
use ostrakon_model::{Method, MethodState};

/// Every collector. The order is that of the methodology in reports.
pub static COLLECTORS: &[&dyn Collector] = &[
    &c::files::Files,
    &c::os_release::OsRelease,
    &c::dpkg::Dpkg,
    &c::rpm::Rpm,
    &c::apk::Apk,
    &c::flatpak::Flatpak,
    &c::snap::Snap,
    &c::systemd::Systemd,
    &c::cron::Cron,
    &c::init::Init,
    &c::process::Process,
    &c::kmod::Kmod,
    &c::elf::Elf,
    &c::npm::Npm,
    &c::pypi::Pypi,
    &c::maven::Maven,
    &c::certs::Certs,
    &c::browser::Browser,
    &c::accounts::Accounts,
    &c::archives::Archives,
];

/// The collectors as a methodology names them, for a look at a running machine or at files only.
pub fn methods(live: bool) -> Vec<Method> {
    COLLECTORS
        .iter()
        .map(|collector| {
            let meta = collector.meta();
            Method {
                collector: meta.id.to_owned(),
                what: meta.what.to_owned(),
                cannot_see: meta.cannot_see.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                attributes: meta.attributes.to_vec(),
                state: if meta.live && !live { MethodState::NeedsLiveHost } else { MethodState::Used },
            }
        })
        .collect()
}
