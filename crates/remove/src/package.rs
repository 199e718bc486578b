//! Packages, removed by the machine's own package manager with the vendor's scripts. The package's files, the product's own
//! folders and the manager's database are saved first. What the manager says counts for nothing: it is asked afterwards
//! whether the package is still there.

use crate::RemoveError;
use crate::command::Ran;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::root::shown;
use ostrakon_model::locator::decode;
use ostrakon_plan::{Action, Manager};
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

fn check(package: &str) -> Result<(), RemoveError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-_@/:~".contains(&byte);
    if package.is_empty() || package.starts_with('-') || package.contains("..") || !package.bytes().all(plain) {
        return Err(RemoveError::Refused(vec![format!("{} is no name of a package", shown(package.as_bytes()))]));
    }
    Ok(())
}

/// Does the manager know the package: installed, half installed, or its settings?
fn is_there(machine: &Machine<'_>, manager: Manager, package: &str) -> Result<bool, RemoveError> {
    let asked = match manager {
        Manager::Dpkg => {
            let ran = machine.ask("dpkg-query", &["-W", "-f", "${db:Status-Status}\n", "--", package])?;
            return match ran.code {
                Some(0) => Ok(ran.output.lines().any(|line| !line.is_empty() && line != "not-installed")),
                Some(1) => Ok(false),
                _ => Err(cannot_ask(&ran)),
            };
        }
        Manager::Rpm => machine.ask("rpm", &["-q", "--", package])?,
        Manager::Apk => machine.ask("apk", &["info", "-e", package])?,
        Manager::Flatpak => machine.ask("flatpak", &["info", "--system", package])?,
        Manager::Snap => machine.ask("snap", &["list", package])?,
        Manager::Npm => machine.ask("npm", &["ls", "-g", "--depth=0", package])?,
        Manager::Pip => machine.ask("python3", &["-m", "pip", "show", "-q", package])?,
    };
    match asked.code {
        Some(code) => Ok(code == 0),
        None => Err(cannot_ask(&asked)),
    }
}

fn cannot_ask(ran: &Ran) -> RemoveError {
    RemoveError::Refused(vec![format!("the package manager cannot be asked: {}", ran.told())])
}

pub(crate) fn standing(machine: &Machine<'_>, manager: Manager, package: &str) -> Result<Standing, RemoveError> {
    check(package)?;
    Ok(if is_there(machine, manager, package)? { Standing::Ahead(Before::default()) } else { Standing::Reached })
}

/// The replacement must be installed, by whatever manager this machine has.
pub(crate) fn required(machine: &Machine<'_>, action: &Action, package: &str) -> Result<Standing, RemoveError> {
    check(package)?;
    let managers =
        [("/usr/bin/dpkg-query", Manager::Dpkg), ("/usr/bin/rpm", Manager::Rpm), ("/sbin/apk", Manager::Apk)];
    for (file, manager) in managers {
        if !machine.root.has(file) {
            continue;
        }
        let there = if manager == Manager::Dpkg {
            let ran = machine.ask("dpkg-query", &["-W", "-f", "${db:Status-Status}\n", "--", package])?;
            ran.output.lines().any(|line| line == "installed")
        } else {
            is_there(machine, manager, package)?
        };
        if there {
            return Ok(Standing::Reached);
        }
    }
    Err(machine.failed(
        action,
        format!("the replacement {package} is not installed: install it first, then `ostrakon remove resume`"),
    ))
}

/// The files a package owns.
fn owned(machine: &Machine<'_>, manager: Manager, package: &str) -> Result<Vec<Vec<u8>>, RemoveError> {
    let listed = match manager {
        Manager::Dpkg => machine.ask("dpkg-query", &["-L", "--", package])?,
        Manager::Rpm => machine.ask("rpm", &["-ql", "--", package])?,
        Manager::Apk => machine.ask("apk", &["info", "-qL", package])?,
        _ => return Ok(Vec::new()),
    };
    let lines = listed.output.lines().filter(|line| !line.is_empty() && *line != "/.");
    let paths = lines.map(|line| if line.starts_with('/') { line.to_owned() } else { format!("/{line}") });
    Ok(paths.filter_map(|path| machine.root.without_links(path.as_bytes())).collect())
}

/// The files of the manager's database.
fn database(machine: &Machine<'_>, manager: Manager, package: &str) -> Vec<Vec<u8>> {
    let below = |folder: &str, keep: &dyn Fn(&[u8]) -> bool| -> Vec<Vec<u8>> {
        let Some(real) = machine.root.without_links(format!("{folder}/x").as_bytes()) else { return Vec::new() };
        let real = &real[..real.len() - 2];
        let list = std::fs::read_dir(machine.root.host(real));
        let names = list.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.filter(|name| keep(name.as_bytes())).map(|name| [real, b"/", name.as_bytes()].concat()).collect()
    };
    match manager {
        Manager::Dpkg => {
            let of_package = |name: &[u8]| {
                let rest = name.strip_prefix(package.split(':').next().unwrap_or_default().as_bytes());
                rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b":"))
            };
            let mut list = below("/var/lib/dpkg/info", &of_package);
            list.extend(below("/var/lib/dpkg", &|name| {
                [&b"status"[..], b"diversions", b"statoverride"].contains(&name)
            }));
            list.extend(below("/var/lib/dpkg/triggers", &|name| [&b"File"[..], b"Unincorp"].contains(&name)));
            list
        }
        Manager::Rpm => ["/var/lib/rpm", "/usr/lib/sysimage/rpm"]
            .into_iter()
            .flat_map(|folder| below(folder, &|name| !name.starts_with(b".") && !name.ends_with(b".lock")))
            .collect(),
        Manager::Apk => {
            let mut list = below("/lib/apk/db", &|name| name != b"lock");
            list.extend(below("/etc/apk", &|name| name == b"world"));
            list
        }
        Manager::Flatpak | Manager::Snap | Manager::Npm | Manager::Pip => Vec::new(),
    }
}

/// What the database is like, by the digest of what says which packages are installed.
pub(crate) fn database_digest(machine: &Machine<'_>, manager: Manager) -> String {
    let mut hash = Sha256::new();
    let files: Vec<Vec<u8>> = match manager {
        Manager::Dpkg => vec![b"/var/lib/dpkg/status".to_vec()],
        Manager::Rpm => database(machine, manager, "").into_iter().filter(|path| !path.ends_with(b"-shm")).collect(),
        Manager::Apk => vec![b"/lib/apk/db/installed".to_vec()],
        _ => return String::new(),
    };
    for file in files {
        hash.update(&file);
        hash.update(machine.root.read(&String::from_utf8_lossy(&file)).unwrap_or_default());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn remove(
    machine: &mut Machine<'_>,
    action: &Action,
    manager: Manager,
    package: &str,
    folders: &[String],
) -> Result<(), RemoveError> {
    // The first whole saving is how it was before; a script that was cut off may have taken some of it since.
    let saved = machine.saved(action)?.len();
    if saved < 1 {
        let mut paths = owned(machine, manager, package)?;
        paths.extend(database(machine, manager, package));
        machine.save(action, &paths, true)?;
    }
    if saved < 2 {
        let mut paths: Vec<Vec<u8>> = folders.iter().map(|folder| decode(folder)).collect();
        if manager == Manager::Npm {
            let homes = ["/usr/lib/node_modules", "/usr/local/lib/node_modules"];
            paths.extend(homes.map(|home| format!("{home}/{package}").into_bytes()));
        }
        machine.save(action, &paths, false)?;
    }
    let ran = by_manager(machine, action, manager, package)?;
    match is_there(machine, manager, package)? {
        false => Ok(()),
        true if ran.succeeded() => {
            Err(machine.failed(action, format!("`{}` ended with 0, and {package} is still there", ran.line)))
        }
        true => Err(machine.failed(action, ran.told())),
    }
}

/// Asks the manager to remove the package; waits while another one holds its lock.
fn by_manager(machine: &mut Machine<'_>, action: &Action, manager: Manager, package: &str) -> Result<Ran, RemoveError> {
    let began = Instant::now();
    loop {
        let ran = match manager {
            Manager::Dpkg => {
                let state = machine.ask("dpkg-query", &["-W", "-f", "${db:Status-Eflag}", "--", package])?;
                // Left half removed by a script that was cut off.
                let half = state.output.contains("reinstreq");
                let half = if half { &["--force-remove-reinstreq"][..] } else { &[] };
                machine.run(action, "dpkg", &[half, &["--purge", "--", package]].concat())?
            }
            Manager::Rpm => machine.run(action, "rpm", &["-e", "--allmatches", "--", package])?,
            Manager::Apk => machine.run(action, "apk", &["del", "--no-progress", package])?,
            Manager::Flatpak => {
                machine.run(action, "flatpak", &["uninstall", "--system", "--noninteractive", "-y", package])?
            }
            Manager::Snap => machine.run(action, "snap", &["remove", "--purge", package])?,
            Manager::Npm => machine.run(action, "npm", &["uninstall", "-g", "--offline", package])?,
            Manager::Pip => machine.run(action, "python3", &["-m", "pip", "uninstall", "-y", package])?,
        };
        let locked = !ran.succeeded() && ran.output.contains("lock") && began.elapsed() < machine.deadline;
        if !locked {
            return Ok(ran);
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Waits until no package manager is at work, and keeps others out as long as what is returned is held.
fn hold(machine: &Machine<'_>, manager: Manager) -> Option<std::fs::File> {
    let path = match manager {
        Manager::Dpkg => "/var/lib/dpkg/lock",
        Manager::Rpm => "/var/lib/rpm/.rpm.lock",
        Manager::Apk => "/lib/apk/db/lock",
        _ => return None,
    };
    let file = std::fs::File::options().write(true).open(machine.root.host(path.as_bytes())).ok()?;
    let began = Instant::now();
    while began.elapsed() < machine.deadline {
        if rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Some(file);
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    None
}

pub(crate) fn bring_back(
    machine: &mut Machine<'_>,
    action: &Action,
    manager: Manager,
    package: &str,
    after: &str,
) -> Result<Vec<String>, RemoveError> {
    let held = hold(machine, manager);
    let manifests = machine.saved(action)?;
    let now = database_digest(machine, manager);
    let database = database(machine, manager, package);
    let saved_database = |path: &str| {
        let path = decode(path);
        let folders: [&[u8]; 5] =
            [b"/var/lib/dpkg/", b"/var/lib/rpm/", b"/usr/lib/sysimage/rpm/", b"/lib/apk/db/", b"/usr/lib/apk/db/"];
        folders.iter().any(|folder| path.starts_with(folder)) || path == b"/etc/apk/world" || database.contains(&path)
    };
    let changed = !after.is_empty() && now != after;
    // The database's files are there, with other content: they make room for the saved ones, if nobody else wrote them.
    if !changed {
        for item in manifests.iter().flat_map(|manifest| &manifest.items) {
            if saved_database(&item.path)
                && matches!(item.kind, crate::store::Kind::File { .. })
                && let Some(spot) = machine.root.spot(&decode(&item.path))?
            {
                let _ = std::fs::remove_file(spot.path());
            }
        }
    }
    let conflicts = machine.store.restore(machine.root, &manifests, &|path| changed && saved_database(path))?;
    drop(held);
    let mut left: Vec<String> = conflicts
        .into_iter()
        .map(|path| format!("{path}: something else lies there now; the saved one is kept"))
        .collect();
    if changed {
        left.push(format!(
            "{package}: its files are back, and {} does not know it, because its database has changed since: install it again from where it came",
            manager.word()
        ));
    } else if after.is_empty() && manifests.is_empty() {
        // It was never begun.
    } else if matches!(manager, Manager::Flatpak | Manager::Snap | Manager::Npm | Manager::Pip)
        && !is_there(machine, manager, package)?
    {
        left.push(format!("{package}: {} brings nothing back: install it again from where it came", manager.word()));
    }
    Ok(left)
}
