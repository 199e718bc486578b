//! The collectors: this list is the registry, one line each, in the order of the methodology in reports. A new one is a
//! module in this folder, a line here, its attributes in the vocabulary, and a folder of fixtures.

use crate::collector::Collector;
use ostrakon_model::{Method, MethodState};

macro_rules! registry {
    ($($module:ident::$collector:ident,)*) => {
        $(pub(crate) mod $module;)*

        /// Every collector.
        pub static COLLECTORS: &[&dyn Collector] = &[$(&$module::$collector,)*];
    };
}

registry! {
    files::Files,
    os_release::OsRelease,
    dpkg::Dpkg,
    rpm::Rpm,
    apk::Apk,
    flatpak::Flatpak,
    snap::Snap,
    systemd::Systemd,
    cron::Cron,
    init::Init,
    process::Process,
    kmod::Kmod,
    elf::Elf,
    pe::Pe,
    macho::MachO,
    go_build::GoBuild,
    rust_audit::RustAudit,
    npm::Npm,
    npm_lock::NpmLock,
    yarn::Yarn,
    pnpm::Pnpm,
    pypi::Pypi,
    pypi_lock::PypiLock,
    pypi_requirements::PypiRequirements,
    conda::Conda,
    maven::Maven,
    maven_pom::MavenPom,
    gradle::Gradle,
    nuget::Nuget,
    cargo_lock::CargoLock,
    go_mod::GoMod,
    gem::Gem,
    composer::Composer,
    cocoapods::Cocoapods,
    swift_package::SwiftPackage,
    pub_lock::PubLock,
    mix::Mix,
    homebrew::Homebrew,
    nix::Nix,
    guix::Guix,
    container_images::ContainerImages,
    certs::Certs,
    hives::Hives,
    appx::Appx,
    msi::Msi,
    scheduled_tasks::ScheduledTasks,
    prefetch::Prefetch,
    lnk::Lnk,
    browser::Browser,
    accounts::Accounts,
    package_file::PackageFile,
    sbom::Sbom,
    archives::Archives,
}

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
