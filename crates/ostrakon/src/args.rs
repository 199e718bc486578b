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
#[derive(Debug, ClapArgs)]
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
    /// Threads to look with [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  sudo ostrakon identify --order bod-17-01
  ostrakon identify /mnt/root --order bod-17-01 --format json --out pc7.json
  ostrakon identify pc7.ostrakon --order bod-17-01 --order ndaa-2018-1634 --order bis-icts-2021-002
  ostrakon identify --order ./nano-ban.toml --dossiers ./mybans --policy policy.toml

Run it as root: what this user may not read is a gap, and the answer is then not whole (exit code 3).")]
pub(crate) struct Identify {
    /// Where to look: a folder that holds a root, or a bundle; left out: this machine
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
