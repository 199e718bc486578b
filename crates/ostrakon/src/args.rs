//! The command line. Help, man pages and completions all come from these definitions.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

const ABOUT: &str = "Carries an order to remove a vendor's products from the order to the proof";

const EXAMPLES: &str = "\
Examples:
  sudo ostrakon identify --order bod-17-01            does the order touch this machine?
  ostrakon identify /mnt/root --order bod-17-01       ... or the one whose root is mounted here?
  sudo ostrakon inventory --out pc7.ostrakon          look now, ask later
  ostrakon identify pc7.ostrakon --order ndaa-2018-1634
  ostrakon report identification pc*.ostrakon --order bod-17-01 --as html --out report.html

Exit codes:
  0  nothing in scope was found, and coverage is complete for the order
  1  products in scope were found
  2  the command could not run
  3  nothing was found that counts, but the answer is not whole: places went unread, or a possible finding waits for a ruling";

/// Carries an order to remove a vendor's products from the order to the proof.
#[derive(Debug, Parser)]
#[command(name = "ostrakon", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Add the orders of this folder (and its calendars/) to those built in
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) orders: Vec<PathBuf>,
    /// Add the dossiers of this folder, one folder each, to those built in
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dossiers: Vec<PathBuf>,
    /// Where plans, keys, the ledger and the quarantine live [default: $OSTRAKON_HOME, /var/lib/ostrakon for root, else the
    /// user's data folder]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more on stderr
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask whether an order touches this machine, a folder that holds a root, or an earlier look
    Identify(Identify),
    /// Look without an order and write all that was seen into a bundle
    Inventory(Inventory),
    /// The orders: list, show, check, and what is due when
    Order {
        #[command(subcommand)]
        command: OrderCommand,
    },
    /// The dossiers: list, show, check, and why something is recognised
    Dossier {
        #[command(subcommand)]
        command: DossierCommand,
    },
    /// The plan of an order: draft it, fill it in, approve it
    Plan {
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Carry out the approved plan on this machine, or on a mounted root; go on with it; take it back
    Remove(Remove),
    /// Look again: what is gone, left, still there, back
    Verify(Verify),
    /// Print deny rules made from an order and its dossiers
    Block(Block),
    /// The ledger: check it, prove a report, keep a checkpoint
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Keys that approve plans and sign the ledger
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Go the whole way on a sample that is made for it: what a newcomer runs first
    Demo(Demo),
    /// The reports an order asks for
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
}

/// How a place is looked at.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Looking {
    /// Cross into network mounts
    #[arg(long)]
    pub(crate) cross_network: bool,
    /// Leave out this folder or file; it is a gap, which the policy may accept
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) exclude: Vec<PathBuf>,
    /// Call the asset so, instead of by its machine id and host name
    #[arg(long, value_name = "NAME")]
    pub(crate) asset: Option<String>,
    /// A bundle of an earlier look at the same place; the commands that take one have an option for it.
    #[arg(skip)]
    pub(crate) since: Option<PathBuf>,
    /// Threads to look with [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// How deep archives in archives are opened; 0 opens none, and each is a gap
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Archives", value_parser = clap::value_parser!(u32).range(0..=32))]
    pub(crate) depth: u32,
    /// Read everything: files that have not changed too, and inside archives every file whatever its name says
    #[arg(long, help_heading = "Archives")]
    pub(crate) paranoid: bool,
    /// How many times its size a file may inflate to, with all that is in it, beyond 256 MiB
    #[arg(long, value_name = "TIMES", default_value_t = 200, help_heading = "Archives")]
    pub(crate) most_expansion: u64,
    /// How many members a file may have, with all that is in it
    #[arg(long, value_name = "N", default_value_t = 5_000_000, help_heading = "Archives")]
    pub(crate) most_members: u64,
    /// How much of what is inflated may be kept in memory at a time
    #[arg(long, value_name = "MIB", default_value_t = 160, help_heading = "Archives", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) most_memory: u64,
    /// How long one file may take, with all that is in it
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, help_heading = "Archives")]
    pub(crate) most_seconds: u64,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sudo ostrakon identify --order bod-17-01
  ostrakon identify /mnt/root --order bod-17-01 --format json --out pc7.json
  ostrakon identify shop-image.tar --order far-52-204-23 --format cyclonedx
  ostrakon identify '/srv/app.war!/WEB-INF/lib/x.jar' --order ndaa-2018-1634
  ostrakon identify pc7.ostrakon --order bod-17-01 --order ndaa-2018-1634 --order bis-icts-2021-002
  sudo ostrakon identify --order bod-17-01 --since pc7.ostrakon
  ostrakon identify --order ./nano-ban.toml --dossiers ./mybans --policy policy.toml

Run it as root: what this user may not read is a gap, and the answer is then not whole (exit code 3).")]
pub(crate) struct Identify {
    /// Where to look: a folder that holds a root, an archive, an image, an SBOM, any other file, a locator as an earlier
    /// look printed it, or a bundle; left out: this machine
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) place: Vec<PathBuf>,
    /// The order to ask about: its id, an alias, or a file; may be given several times
    #[arg(long, required = true, value_name = "ID")]
    pub(crate) order: Vec<String>,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write the result here instead of to stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The policy file: gaps a named person takes on, rulings on possible findings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// With --format sarif: say of each result whether it is new against this earlier answer (--format json) or bundle
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
    /// A bundle of an earlier look at the same place: files that have not changed since are not read again
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) since: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON value (an array where several orders are asked about)
    Json,
    /// One JSON value a line
    Ndjson,
    /// One line for each piece of evidence
    Csv,
    /// SARIF 2.1.0, for code scanning and viewers
    Sarif,
    /// CycloneDX 1.7 as JSON: findings as a bill of materials
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// OCSF 1.8.0 events, one JSON value a line, for SIEMs
    Ocsf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sudo ostrakon inventory --out pc7.ostrakon
  ostrakon inventory /mnt/root --out pc7.ostrakon

The bundle holds every artifact, matched or not, and the names of all files: any later order can be asked of it.")]
pub(crate) struct Inventory {
    /// Where to look: a folder that holds a root; left out: this machine
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) place: Option<PathBuf>,
    /// The bundle to write
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// A bundle of an earlier look at the same place: files that have not changed since are not read again
    #[arg(long, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) since: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// List the orders at hand
    List,
    /// Show one order
    Show {
        /// Its id, an alias, or a file
        order: String,
    },
    /// Check order files; faults point at the line
    #[command(arg_required_else_help = true)]
    Check {
        /// The files
        #[arg(value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Print the JSON Schema of an order file instead
        #[arg(long)]
        schema: bool,
    },
    /// Say what is due when, and what is late
    Clock(Clock),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon order clock bod-17-01 --today 2017-10-01
  ostrakon order clock far-52-204-23 --event identified=2024-03-01
  ostrakon order clock bod-17-01 --today 2017-11-01 --done identify=2017-10-12")]
pub(crate) struct Clock {
    /// The order's id, an alias, or a file
    pub(crate) order: String,
    /// The day to ask about [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) today: Option<String>,
    /// Something that happened and starts a clock
    #[arg(long, value_name = "NAME=DATE")]
    pub(crate) event: Vec<String>,
    /// An obligation that is done, and when
    #[arg(long, value_name = "ID=DATE")]
    pub(crate) done: Vec<String>,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = ClockFormat::Table)]
    pub(crate) format: ClockFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockFormat {
    /// For people
    Table,
    /// One JSON array
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DossierCommand {
    /// List the dossiers at hand
    List,
    /// Show one dossier: products, indicators, removal
    Show {
        /// Its id, or a folder
        dossier: String,
    },
    /// Check dossier folders and run their lookalikes; faults point at the line
    #[command(arg_required_else_help = true)]
    Check {
        /// The folders
        #[arg(value_hint = ValueHint::DirPath)]
        folders: Vec<PathBuf>,
        /// Print the JSON Schema of a dossier file instead
        #[arg(long)]
        schema: bool,
    },
    /// Say which indicators match an artifact, which do not, and why
    #[command(after_help = "\
Example:
  ostrakon dossier explain '{\"kind\":\"package\",\"attributes\":{\"deb.name\":\"kesl\"}}'")]
    Explain {
        /// The artifact as JSON, or a file that holds it, or - for stdin
        artifact: String,
        /// Show every indicator on the same attributes, not only the nearest
        #[arg(long)]
        all: bool,
    },
    /// List the attributes an indicator may test
    Attributes,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// The identification report: products, endpoints, methodologies, coverage
    Identification(ReportIdentification),
    /// The plan, as the issuer asks for it
    Plan(ReportPlan),
    /// The status of the removal: what is gone, and how that is known
    Status(ReportStatus),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon report plan --plan plan.json --as html --out plan.html
  ostrakon report plan --plan plan.json --as oscal --out oscal-plan/       (a folder of files)")]
pub(crate) struct ReportPlan {
    /// The plan file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// The form of the report
    #[arg(long = "as", value_enum, default_value_t = ReportForm::Html)]
    pub(crate) form: ReportForm,
    /// Write the report here instead of to stdout; OSCAL is a folder of files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The policy file, which names the approvers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon report status before/*.ostrakon after/*.ostrakon --order bod-17-01 --plan plan.json --as md
  ostrakon report status looks/*.ostrakon --order bod-17-01 --plan plan.json --as xlsx --out status.xlsx

Give all bundles, old and new: what was found then is compared with what is found now.")]
pub(crate) struct ReportStatus {
    /// The bundles of all times
    #[arg(required = true, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) bundles: Vec<PathBuf>,
    /// The order: its id, an alias, or a file
    #[arg(long, value_name = "ID")]
    pub(crate) order: String,
    /// The plan it is measured against
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan: Option<PathBuf>,
    /// Receipts of removals done elsewhere; those in the home are taken in anyway
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) receipt: Vec<PathBuf>,
    /// The form of the report
    #[arg(long = "as", value_enum, default_value_t = ReportForm::Html)]
    pub(crate) form: ReportForm,
    /// Write the report here instead of to stdout; OSCAL is a folder of files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The known assets, as CSV with the columns name, id, component, mission_function, owner
    #[arg(long, value_name = "CSV", value_hint = ValueHint::FilePath)]
    pub(crate) assets: Option<PathBuf>,
    /// The policy file: exceptions, accepted gaps, rulings, challenges
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// One HTML file that needs no other and prints well
    Html,
    /// Markdown
    Md,
    /// JSON
    Json,
    /// A workbook
    Xlsx,
    /// OSCAL: several JSON files in a folder
    Oscal,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Draft a plan from looks: waves, actions, what covers the controls, what stays open
    Draft(PlanDraft),
    /// Show a plan: what is done where, what it waits for, what the linter has against it
    Show {
        /// The plan file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        plan: PathBuf,
        /// The policy file, which names the approvers
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        policy: Option<PathBuf>,
    },
    /// Fill in what only a person can say; makes a new generation, which nobody has approved yet
    Edit(PlanEdit),
    /// Approve a plan with a key; any change afterwards voids it
    Approve(PlanApprove),
    /// Write the plan in another form
    Export {
        /// The plan file
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        plan: PathBuf,
        /// The form: `json` is the plan with its approvals, `md` for people
        #[arg(long = "as", value_enum, default_value_t = Form::Json)]
        form: Form,
        /// Write it here instead of to stdout
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon plan draft looks/*.ostrakon --order bod-17-01 --policy policy.toml --assets assets.csv --out plan.json
  sudo ostrakon plan draft --order bod-17-01 --policy policy.toml --out plan.json       from a look at this machine
  ostrakon plan draft looks/*.ostrakon --order bod-17-01 --parent plan.json --out plan-2.json

What the linter refuses is said, and the plan is written all the same: mend the policy and draft again.")]
pub(crate) struct PlanDraft {
    /// Where to look, or bundles; left out: this machine
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) place: Vec<PathBuf>,
    /// The order: its id, an alias, or a file
    #[arg(long, value_name = "ID")]
    pub(crate) order: String,
    /// The policy: agency, waves, replacements, waivers, exceptions, approvers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// The known assets, as CSV with the columns name, id, component, mission_function, owner
    #[arg(long, value_name = "CSV", value_hint = ValueHint::FilePath)]
    pub(crate) assets: Option<PathBuf>,
    /// The generation before: what people said in it stays
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) parent: Option<PathBuf>,
    /// The day to draft for [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) today: Option<String>,
    /// Begin before the day the order names
    #[arg(long)]
    pub(crate) ahead: bool,
    /// Write the plan here [default: the home's plans/ORDER-GENERATION.json]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon plan edit --plan plan.json                                asks for what is open, one after the other
  ostrakon plan edit --plan plan.json --set costs='USD 12,000, agreed with the CFO' --set agreements=none
  ostrakon plan edit --plan plan.json --asset pc7=2 --wave 2=2027-01-15")]
pub(crate) struct PlanEdit {
    /// The plan file; the new generation is written over it unless --out is given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// Answer an element
    #[arg(long, value_name = "KEY=TEXT")]
    pub(crate) set: Vec<String>,
    /// Move an asset, by name or id, into a wave
    #[arg(long, value_name = "NAME=WAVE")]
    pub(crate) asset: Vec<String>,
    /// Change the first day of a wave
    #[arg(long, value_name = "N=DATE")]
    pub(crate) wave: Vec<String>,
    /// Write the new generation here
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon keys new jdoe
  ostrakon plan approve --plan plan.json --key jdoe")]
pub(crate) struct PlanApprove {
    /// The plan file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// The key: its name in the home, or a .key file
    #[arg(long, value_name = "NAME")]
    pub(crate) key: String,
    /// The policy file, which names the approvers; without one: the keys in the home
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// The day to approve on [default: today]
    #[arg(long, value_name = "DATE")]
    pub(crate) today: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  sudo ostrakon remove --plan plan.json --dry-run     what would be done, exactly
  sudo ostrakon remove --plan plan.json
  sudo ostrakon remove resume                         after a power cut, a kill, a full disk, Ctrl-C
  sudo ostrakon remove rollback                       everything back as it was
  sudo ostrakon remove purge                          give up the way back: empty the quarantine

Exit codes:
  0  done, and a second look over whole coverage no longer finds anything in scope
  1  something in scope is still found
  2  it could not begin, or an action failed: resume or rollback
  3  done, and the second look is not whole"
)]
pub(crate) struct Remove {
    #[command(subcommand)]
    pub(crate) command: Option<RemoveCommand>,
    #[command(flatten)]
    pub(crate) what: Removing,
    /// Say exactly what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Removing {
    /// The approved plan; for resume, rollback and purge: left out, it is the one last worked on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan: Option<PathBuf>,
    /// Work on the root that is mounted here instead of on this machine
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Run the programs of that root: its package manager, and the scripts of its packages, with the rights of root. Only
    /// for a root you trust: what keeps it apart (namespaces, chroot) stops accidents, not an attacker
    #[arg(long, requires = "root")]
    pub(crate) trust_root: bool,
    /// The asset's name in the plan, where it was looked at with --asset
    #[arg(long, value_name = "NAME")]
    pub(crate) asset: Option<String>,
    /// The policy file: approvers, accepted gaps, rulings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// Leave out this folder or file when looking; it is a gap, which the policy may accept
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) exclude: Vec<PathBuf>,
    /// How long a package manager or an uninstaller may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) deadline: u64,
    /// Do not wait for the wave's first day
    #[arg(long)]
    pub(crate) ahead: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RemoveCommand {
    /// Go on with a removal that was cut off or has failed
    Resume(Removing),
    /// Take a removal back, last action first
    Rollback(Removing),
    /// Give up the way back: delete what the quarantine keeps of a finished removal
    Purge(Removing),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sudo ostrakon verify --order bod-17-01 --since before.ostrakon
  ostrakon verify after.ostrakon --order bod-17-01 --since before.ostrakon --since between.ostrakon

Exit codes:
  0  all that was found is gone, by a look over whole coverage
  1  something in scope is there: left, still there, back again, or new
  3  something could not be looked at")]
pub(crate) struct Verify {
    /// Where to look, or bundles of later looks; left out: this machine
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) place: Vec<PathBuf>,
    /// The order: its id, an alias, or a file
    #[arg(long, value_name = "ID")]
    pub(crate) order: String,
    /// Earlier looks, as many as there are
    #[arg(long, required = true, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) since: Vec<PathBuf>,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = ClockFormat::Table)]
    pub(crate) format: ClockFormat,
    /// Write the result here instead of to stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The policy file: accepted gaps, rulings, exceptions
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) looking: Looking,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon block --order bod-17-01 --as nftables --out kaspersky.nft && nft -c -f kaspersky.nft
  ostrakon block --order bod-17-01 --as rpz --out rpz.zone
  ostrakon block --order bod-17-01 --as chrome-policy

What the form cannot express, what it can break and the way back are said on stderr, and in the file where it has comments.")]
pub(crate) struct Block {
    /// The order: its id, an alias, or a file
    #[arg(long, value_name = "ID")]
    pub(crate) order: String,
    /// The form
    #[arg(long = "as", value_name = "FORM", value_parser = clap::builder::PossibleValuesParser::new(ostrakon_plan::block::Form::ALL.map(ostrakon_plan::block::Form::word)))]
    pub(crate) form: String,
    /// Write the rules here instead of to stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Check a ledger, or a copy of one, or a proof file: offline, with no other file
    #[command(after_help = "\
Examples:
  ostrakon ledger verify                                        the ledger of this home
  ostrakon ledger verify /media/copy --checkpoint old.txt       a copy, against a checkpoint somebody kept
  ostrakon ledger verify proof.json --key 'agency+1234abcd+...' a proof, by the key the agency has published
  ostrakon ledger verify proof.json --report status.html        ... and that this is the report it proves")]
    Verify {
        /// A ledger's folder, or a proof file [default: the ledger of the home]
        #[arg(value_hint = ValueHint::AnyPath)]
        what: Option<PathBuf>,
        /// The key it must be signed by: one line, or a .pub file
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// A checkpoint of the same ledger that was kept earlier
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        checkpoint: Vec<PathBuf>,
        /// The report that the proof must be of
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        report: Option<PathBuf>,
    },
    /// Make one file that proves a report to a stranger
    Prove {
        /// The report: its file, or the index of its entry
        report: String,
        /// Write the proof here instead of to stdout
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: Option<PathBuf>,
    },
    /// Print the checkpoint: give it to somebody who keeps it
    Checkpoint,
    /// List the entries
    List,
    /// Write a record of something people did: an exception, a vendor's reply, an amendment of an order
    #[command(after_help = "\
Examples:
  ostrakon ledger record exception --order bod-17-01 --by 'J. Doe, CIO' --text 'kept on lab-3 until 2027-01-31'
  ostrakon ledger record vendor-reply --order bod-17-01 --by 'vendor' --file reply.pdf")]
    Record {
        /// What it is
        #[arg(value_parser = ["exception", "vendor-reply", "amendment", "note"])]
        kind: String,
        /// The order: its id, an alias, or a file
        #[arg(long, value_name = "ID")]
        order: String,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
        /// What it says
        #[arg(long, value_name = "TEXT", default_value = "")]
        text: String,
        /// A document, which is kept
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key pair in the home
    New {
        /// Whose it is: a name without spaces and plus signs
        name: String,
    },
    /// List the keys in the home
    List,
    /// Print the public key, one line
    Show {
        /// Its name
        name: String,
    },
    /// Take in somebody's public key: its owner may then approve plans here, unless the policy names the approvers
    Trust {
        /// The .pub file, or the one line
        key: String,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon demo
  ostrakon demo --keep /tmp/ostrakon-demo        and look around in it afterwards")]
pub(crate) struct Demo {
    /// Make the sample here, and keep it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  ostrakon report identification pc7.ostrakon --order bod-17-01 --as md
  ostrakon report identification bundles/*.ostrakon --order bod-17-01 --assets assets.csv --as html --out report.html")]
pub(crate) struct ReportIdentification {
    /// The bundles to report on
    #[arg(required = true, value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
    pub(crate) bundles: Vec<PathBuf>,
    /// The order: its id, an alias, or a file
    #[arg(long, value_name = "ID")]
    pub(crate) order: String,
    /// The form of the report
    #[arg(long = "as", value_enum, default_value_t = Form::Html)]
    pub(crate) form: Form,
    /// Write the report here instead of to stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// The known assets, as CSV with the columns name, id, component, mission_function, owner
    #[arg(long, value_name = "CSV", value_hint = ValueHint::FilePath)]
    pub(crate) assets: Option<PathBuf>,
    /// The policy file: gaps a named person takes on, rulings on possible findings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// One HTML file that needs no other and prints well
    Html,
    /// Markdown
    Md,
    /// JSON
    Json,
}
