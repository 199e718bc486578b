//! `ostrakon demo`: the whole way on a sample, step by step, by the very commands a user types. Nothing outside its folder
//! is touched, and no rights are needed.

use crate::args::{Demo, Global};
use crate::error::CommandError;
use crate::home::is_there;
use crate::terminal;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

const POLICY: &str = r#"schema = "ostrakon/policy/1"

[agency]
name = "Sample Agency"
contact = "R. Roe"
email = "r.roe@sample.example"

[waves]
first = 1
size = 10

[status]
recurrence_control = "New machines are looked at before they join the network."
challenges = "None known."
"#;

const WAIVER: &str = r#"
[[waiver]]
controls = ["anti-malware"]
owner = "R. Roe, CISO"
reason = "The sample machine is off the network until its replacement is in."
expires = 2099-12-31
"#;

/// The sample: a machine with the product installed, its service enabled, and what an older one left.
fn sample(root: &Path) -> std::io::Result<()> {
    let file = |path: &str, text: &str, mode: u32| -> std::io::Result<()> {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
    };
    file("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", 0o644)?;
    file("etc/hostname", "pc7\n", 0o644)?;
    file("usr/bin/true", "#!/bin/sh\n", 0o755)?;
    file("opt/kaspersky/kesl/libexec/kesl", "#!/bin/sh\nexec sleep 3600\n", 0o755)?;
    file("opt/kaspersky/kesl/bin/kesl-control", "#!/bin/sh\necho running\n", 0o755)?;
    let unit = "[Unit]\nDescription=Kaspersky Endpoint Security\n[Service]\nExecStart=/opt/kaspersky/kesl/libexec/kesl\n[Install]\nWantedBy=multi-user.target\n";
    file("usr/lib/systemd/system/kesl.service", unit, 0o644)?;
    file("var/opt/kaspersky/kesl/common/kesl.ini", "[General]\nUseFanotify=Yes\n", 0o600)?;
    file("var/opt/kaspersky/klnagent/settings.dat", "kept by an agent that is gone\n", 0o600)?;
    std::fs::create_dir_all(root.join("etc/systemd/system/multi-user.target.wants"))?;
    symlink(
        "/usr/lib/systemd/system/kesl.service",
        root.join("etc/systemd/system/multi-user.target.wants/kesl.service"),
    )?;
    symlink("/opt/kaspersky/kesl/bin/kesl-control", root.join("usr/bin/kesl-control"))
}

pub(crate) fn run(_global: &Global, args: &Demo) -> Result<u8, CommandError> {
    let cannot = |error: std::io::Error| {
        CommandError::new(format!("cannot make the sample: {error}"), "name a folder with --keep DIR")
    };
    let temporary = tempfile::Builder::new().prefix("ostrakon-demo-").tempdir().map_err(cannot)?;
    let folder = match &args.keep {
        Some(folder) if is_there(folder) => {
            return Err(CommandError::new(
                format!("{} is there already", folder.display()),
                "name a folder that is not there yet",
            ));
        }
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(cannot)?;
            std::path::absolute(folder).map_err(cannot)?
        }
        None => temporary.path().to_owned(),
    };
    sample(&folder.join("pc7")).map_err(cannot)?;
    std::fs::write(folder.join("policy.toml"), POLICY).map_err(cannot)?;
    let mut way = Way { folder: &folder, faults: 0 };
    way.go()?;
    if args.keep.is_some() {
        say(&format!(
            "\nAll of it is in {}: look around with --home {}.",
            folder.display(),
            folder.join("home").display()
        ))?;
    }
    if way.faults > 0 {
        return Err(CommandError::new(
            format!("{} step(s) did not come to what they should", way.faults),
            "please report this",
        ));
    }
    say("\nThat is the whole way: from the order to a proof that a stranger can check.")?;
    Ok(0)
}

fn say(text: &str) -> Result<(), CommandError> {
    terminal::print(&format!("{text}\n"))
}

struct Way<'a> {
    folder: &'a Path,
    faults: usize,
}

impl Way<'_> {
    fn go(&mut self) -> Result<(), CommandError> {
        say("A sample machine, pc7, lies in a folder: a product of the order's vendor is installed on it.")?;
        self.step("1. Does BOD 17-01 touch it? (exit code 1: yes)", "identify pc7 --order bod-17-01", 1)?;
        self.step("2. Look once, and keep all that was seen in a bundle.", "inventory pc7 --out before.ostrakon", 0)?;
        self.step("3. A key for the person who approves.", "keys new r.roe", 0)?;
        self.step(
            "4. A plan. The product gives anti-malware and nothing would replace it: the plan is refused, with the way out.",
            "plan draft before.ostrakon --order bod-17-01 --policy policy.toml --out plan.json",
            1,
        )?;
        std::fs::write(self.folder.join("policy.toml"), format!("{POLICY}{WAIVER}"))
            .map_err(|error| CommandError::new(format!("cannot write the policy: {error}"), ""))?;
        self.step(
            "5. A named person takes that on until a day, in the policy; then the plan stands.",
            "plan draft before.ostrakon --order bod-17-01 --policy policy.toml --out plan.json",
            0,
        )?;
        self.step("6. What would be done?", "plan show --plan plan.json --policy policy.toml", 0)?;
        self.step(
            "7. Approve it. A change of one letter would void this.",
            "plan approve --plan plan.json --key r.roe --policy policy.toml",
            0,
        )?;
        self.step(
            "8. Carry it out. Everything is saved first; a second look decides whether it is gone.",
            "remove --plan plan.json --root pc7 --policy policy.toml",
            0,
        )?;
        self.step("9. Take it back, all of it ...", "remove rollback --root pc7 --policy policy.toml", 0)?;
        self.step(
            "10. ... and carry it out again.",
            "remove --plan plan.json --root pc7 --policy policy.toml --quiet",
            0,
        )?;
        self.step("11. Look again, later.", "inventory pc7 --out after.ostrakon", 0)?;
        self.step(
            "12. What became of each finding?",
            "verify after.ostrakon --order bod-17-01 --since before.ostrakon --policy policy.toml",
            0,
        )?;
        self.step(
            "13. The status report for the issuer.",
            "report status before.ostrakon after.ostrakon --order bod-17-01 --plan plan.json --policy policy.toml --as md --out status.md",
            0,
        )?;
        self.step("14. One file that proves it to a stranger.", "ledger prove status.md --out proof.json", 0)?;
        self.step("15. The stranger checks it, offline.", "ledger verify proof.json --report status.md", 0)?;
        self.step("16. And the whole ledger.", "ledger verify", 0)
    }

    fn step(&mut self, what: &str, command: &str, expected: i32) -> Result<(), CommandError> {
        say(&format!("\n{what}\n\n$ ostrakon {command}"))?;
        let program =
            std::env::current_exe().map_err(|error| CommandError::new(format!("cannot find myself: {error}"), ""))?;
        let started = Command::new(program)
            .args(command.split(' '))
            .current_dir(self.folder)
            .env("OSTRAKON_HOME", self.folder.join("home"))
            .stdin(Stdio::null())
            .status();
        let status = started.map_err(|error| CommandError::new(format!("cannot start myself: {error}"), ""))?;
        if status.code() != Some(expected) {
            self.faults += 1;
            say(&format!("(this should have ended with {expected}, and ended with {status})"))?;
        }
        Ok(())
    }
}
