//! Packages, removed by the machine's own package manager with the vendor's scripts. The package's files, the product's own
//! folders and the manager's database are saved first. What the manager says counts for nothing: it is asked afterwards
//! whether the package is still there.

use crate::RemoveError;
use crate::command::Ran;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::root::shown;
use crate::store::Manifest;
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

/// Does the manager know the package: installed, half installed, or its settings? Only what each manager is known to say of
/// a package that is not there counts as that; anything else it says is no answer.
fn is_there(machine: &Machine<'_>, manager: Manager, package: &str) -> Result<bool, RemoveError> {
    let (program, arguments, absent): (&str, &[&str], &str) = match manager {
        Manager::Dpkg => {
            ("dpkg-query", &["-W", "-f", "${db:Status-Status}\n", "--", package], "no packages found matching")
        }
        Manager::Rpm => ("rpm", &["-q", "--", package], "is not installed"),
        Manager::Apk => ("apk", &["info", "-e", package], ""),
        Manager::Flatpak => ("flatpak", &["info", "--system", package], "not installed"),
        Manager::Snap => ("snap", &["list", package], "no matching snaps installed"),
        Manager::Npm => ("npm", &["ls", "-g", "--depth=0", package], "(empty)"),
        Manager::Pip => ("python3", &["-m", "pip", "show", package], "not found"),
    };
    let asked = machine.ask(program, arguments)?;
    let said = asked.out.contains(absent) || asked.err.contains(absent);
    match asked.code {
        0 if manager == Manager::Dpkg && asked.out.trim().is_empty() => Err(asked.no_answer()),
        0 if manager == Manager::Dpkg => Ok(asked.out.lines().any(|line| !line.is_empty() && line != "not-installed")),
        0 => Ok(true),
        1 if said => Ok(false),
        _ => Err(asked.no_answer()),
    }
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
            let asked = machine.ask("dpkg-query", &["-W", "-f", "${db:Status-Status}\n", "--", package])?;
            asked.out.lines().any(|line| line == "installed")
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
    if listed.code != 0 {
        return Err(listed.no_answer());
    }
    let lines = listed.out.lines().filter(|line| !line.is_empty() && *line != "/." && !line.starts_with('('));
    let paths = lines.map(|line| if line.starts_with('/') { line.to_owned() } else { format!("/{line}") });
    Ok(paths.filter_map(|path| machine.root.without_links(path.as_bytes())).collect())
}

/// The files in `folder`, links followed within the root, whose names fit.
fn files_in(machine: &Machine<'_>, folder: &str, keep: &dyn Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let Some(real) = machine.root.without_links(format!("{folder}/x").as_bytes()) else { return Vec::new() };
    let real = &real[..real.len() - 2];
    let list = std::fs::read_dir(machine.root.host(real));
    let names = list.into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| keep(name.as_bytes())).map(|name| [real, b"/", name.as_bytes()].concat()).collect()
}

/// The files that the manager keeps for this package alone.
fn own_records(machine: &Machine<'_>, manager: Manager, package: &str, files: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let of_package = |name: &[u8]| {
        let rest = name.strip_prefix(package.split(':').next().unwrap_or_default().as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b":"))
    };
    if manager != Manager::Dpkg {
        return Vec::new();
    }
    let mut list = files_in(machine, "/var/lib/dpkg/info", &of_package);
    // What Debian's helper keeps of the units that the package has enabled.
    let units: Vec<&[u8]> = files.iter().filter_map(|path| path.rsplit(|byte| *byte == b'/').next()).collect();
    let of_unit = |name: &[u8]| units.contains(&name.strip_suffix(b".dsh-also").unwrap_or(name));
    for state in ["enabled", "masked"] {
        let folder = format!("/var/lib/systemd/deb-systemd-helper-{state}");
        list.extend(files_in(machine, &folder, &of_unit));
        for below in files_in(machine, &folder, &|name| name.ends_with(b".wants") || name.ends_with(b".requires")) {
            list.extend(files_in(machine, &String::from_utf8_lossy(&below), &of_unit));
        }
    }
    list
}

/// The files of the manager that say which packages there are.
fn database(machine: &Machine<'_>, manager: Manager) -> Vec<Vec<u8>> {
    match manager {
        Manager::Dpkg => files_in(machine, "/var/lib/dpkg", &|name| name == b"status"),
        Manager::Rpm => ["/var/lib/rpm", "/usr/lib/sysimage/rpm"]
            .into_iter()
            .flat_map(|folder| files_in(machine, folder, &|name| !name.starts_with(b".") && !name.ends_with(b".lock")))
            .collect(),
        Manager::Apk => {
            let mut list = files_in(machine, "/lib/apk/db", &|name| name == b"installed");
            list.extend(files_in(machine, "/etc/apk", &|name| name == b"world"));
            list
        }
        Manager::Flatpak | Manager::Snap | Manager::Npm | Manager::Pip => Vec::new(),
    }
}

/// What the database is like, by digest; empty where there is none.
pub(crate) fn database_digest(machine: &Machine<'_>, manager: Manager) -> String {
    let mut hash = Sha256::new();
    let files = database(machine, manager);
    for file in files.iter().filter(|path| !path.ends_with(b"-shm")) {
        hash.update(file);
        hash.update(machine.root.read(&String::from_utf8_lossy(file)).unwrap_or_default());
    }
    if files.is_empty() { String::new() } else { hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect() }
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
        paths.extend(own_records(machine, manager, package, &paths));
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
    // Between two tries others may have installed something: what they did is not to be taken back.
    let last = machine.last_after(action);
    if machine.saved_database(action)?.is_empty() || last.is_none_or(|last| last != database_digest(machine, manager)) {
        machine.save_database(action, &database(machine, manager))?;
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
                let half = state.out.contains("reinstreq");
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
        let said = ["locked by another process", "transaction lock", "Unable to lock database"];
        let locked = !ran.succeeded()
            && said.iter().any(|words| ran.output.contains(words))
            && began.elapsed() < machine.deadline;
        if !locked {
            return Ok(ran);
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Waits until no package manager is at work, and keeps others out as long as what is returned is held.
fn hold(machine: &Machine<'_>, manager: Manager) -> Result<Option<std::fs::File>, RemoveError> {
    let path = match manager {
        Manager::Dpkg => "/var/lib/dpkg/lock",
        Manager::Rpm => "/var/lib/rpm/.rpm.lock",
        Manager::Apk => "/lib/apk/db/lock",
        _ => return Ok(None),
    };
    let Some(file) = machine.root.open_regular(path) else { return Ok(None) };
    let began = Instant::now();
    while rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if began.elapsed() > machine.deadline {
            let why = format!("{} is at work and does not end: try again once it has", manager.word());
            return Err(RemoveError::Refused(vec![why]));
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    Ok(Some(file))
}

/// A dpkg that was ended leaves what it had noted beside its database, where it counts for more: dpkg itself is asked to
/// take that in, by telling it to change nothing.
fn settle(machine: &mut Machine<'_>, action: &Action) -> Result<(), RemoveError> {
    let began = Instant::now();
    while !files_in(machine, "/var/lib/dpkg/updates", &|_| true).is_empty() {
        let ran = machine.run(action, "dpkg", &["--set-selections"])?;
        if ran.succeeded() {
            return Ok(());
        }
        if !ran.output.contains("locked by another process") || began.elapsed() > machine.deadline {
            return Err(machine.failed(action, ran.told()));
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    Ok(())
}

/// Must the database be left as it is, because others have changed it since the removal? Where a package's entry can be put
/// back by itself, only if the package was installed again.
pub(crate) fn is_changed(
    machine: &Machine<'_>,
    manager: Manager,
    package: &str,
    after: &str,
    done: bool,
) -> Result<bool, RemoveError> {
    match manager {
        Manager::Dpkg | Manager::Apk => Ok(done && is_there(machine, manager, package)?),
        Manager::Rpm => Ok(!after.is_empty() && database_digest(machine, manager) != after),
        _ => Ok(true),
    }
}

pub(crate) fn bring_back(
    machine: &mut Machine<'_>,
    action: &Action,
    manager: Manager,
    package: &str,
    changed: bool,
) -> Result<Vec<String>, RemoveError> {
    if manager == Manager::Dpkg {
        settle(machine, action)?;
    }
    let held = hold(machine, manager)?;
    let records = format!("/var/lib/dpkg/info/{}", package.split(':').next().unwrap_or_default());
    let over = |path: &str| !changed && path.starts_with(&records);
    let mut left = machine.store.restore(machine.root, &machine.saved(action)?, &over);
    let databases = machine.saved_database(action)?;
    let word = manager.word();
    if changed {
        left.push(format!(
            "{package}: its files are back as far as nothing else lies there; {word} is left as it is, since it was used after \
             the removal: install the package again from where it came, or leave it"
        ));
    } else {
        match manager {
            Manager::Dpkg => entry_back(machine, databases.first(), "/var/lib/dpkg/status", "Package: ", package)?,
            Manager::Apk => {
                entry_back(machine, databases.first(), "/lib/apk/db/installed", "P:", package)?;
                line_back(machine, databases.first(), "/etc/apk/world", package)?;
            }
            _ => left.extend(machine.store.restore(
                machine.root,
                databases.last().map_or(&[], std::slice::from_ref),
                &|_| true,
            )),
        }
    }
    drop(held);
    Ok(left)
}

fn saved_text(machine: &Machine<'_>, saved: Option<&Manifest>, file: &str) -> Result<Option<Vec<u8>>, RemoveError> {
    let item = saved.and_then(|manifest| manifest.items.iter().find(|item| decode(&item.path) == file.as_bytes()));
    let content = item.map(|item| machine.store.content(item)).transpose();
    content.map_err(RemoveError::io(std::path::Path::new(file)))
}

/// Puts the package's own entry back into a database of entries between empty lines; all others stay as they are now.
fn entry_back(
    machine: &Machine<'_>,
    saved: Option<&Manifest>,
    file: &str,
    key: &str,
    package: &str,
) -> Result<(), RemoveError> {
    let Some(then) = saved_text(machine, saved, file)? else { return Ok(()) };
    let name = format!("{key}{}", package.split(':').next().unwrap_or_default());
    let is_own = |entry: &str| entry.lines().any(|line| line.trim_end() == name);
    let mut whole = false;
    crate::hosts::change(machine, file, |now| {
        let (text, now) = (String::from_utf8_lossy(&then).into_owned(), String::from_utf8_lossy(now).into_owned());
        let entries = |text: &str| text.split("\n\n").map(|it| it.trim_matches('\n').to_owned()).collect::<Vec<_>>();
        let mut list: Vec<String> = entries(&now).into_iter().filter(|it| !it.is_empty() && !is_own(it)).collect();
        // Where it stood, so that a database nobody else has changed is what it was.
        for (at, entry) in entries(&text).into_iter().enumerate().filter(|(_, entry)| is_own(entry)) {
            list.insert(at.min(list.len()), entry);
        }
        let new = (list.join("\n\n") + "\n\n").into_bytes();
        whole = new == then;
        new
    })?;
    if whole {
        // Its times too, then.
        machine.store.restore(machine.root, saved.map_or(&[], std::slice::from_ref), &|_| false);
    }
    Ok(())
}

/// Puts the package's line back into a list of names.
fn line_back(machine: &Machine<'_>, saved: Option<&Manifest>, file: &str, package: &str) -> Result<(), RemoveError> {
    let Some(then) = saved_text(machine, saved, file)? else { return Ok(()) };
    let then = String::from_utf8_lossy(&then).into_owned();
    let own = then.lines().find(|line| line.split(['=', '<', '>', '~']).next() == Some(package)).map(str::to_owned);
    let Some(own) = own else { return Ok(()) };
    crate::hosts::change(machine, file, |now| {
        let text = String::from_utf8_lossy(now).into_owned();
        let there = text.lines().any(|line| line == own);
        if there { text.into_bytes() } else { format!("{text}{own}\n").into_bytes() }
    })
}
