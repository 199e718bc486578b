//! What a command says when it cannot run: the fault, and what to do next.

use crate::args::Global;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use ostrakon_identify::IdentifyError;
use ostrakon_order::{Diagnostic as Fault, OrderError};
use ostrakon_place::PlaceError;
use ostrakon_report::ReportError;
use std::fmt;
use std::io::{IsTerminal, Write};

/// Why a command could not run.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// Faults in files people wrote.
    Faults(Vec<Fault>),
    /// Anything else: what is wrong, and what to do.
    Plain { message: String, help: String },
}

impl CommandError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Plain { message: message.into(), help: help.into() }
    }

    /// Prints the error on stderr.
    pub(crate) fn print(&self, global: &Global) {
        let mut stderr = std::io::stderr().lock();
        let colours = stderr.is_terminal() && !crate::terminal::no_colour();
        let theme = match (stderr.is_terminal(), colours) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            _ => GraphicalTheme::none(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110);
        let mut text = String::new();
        match self {
            Self::Plain { message, help } => {
                let _ = handler.render_report(&mut text, &Plain { message: message.clone(), help: help.clone() });
            }
            Self::Faults(list) => {
                let shown = if global.verbose { list.len() } else { 20 };
                for fault in list.iter().take(shown) {
                    let _ = handler.render_report(&mut text, &Pointed::of(fault));
                }
                if list.len() > shown {
                    text.push_str(&format!("... and {} more; -v shows all\n", list.len() - shown));
                }
            }
        }
        let _ = write!(stderr, "{text}");
    }
}

#[derive(Debug)]
struct Plain {
    message: String,
    help: String,
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Plain {}

impl Diagnostic for Plain {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }
}

#[derive(Debug)]
struct Pointed {
    fault: Fault,
    source: NamedSource<String>,
}

impl Pointed {
    fn of(fault: &Fault) -> Self {
        Self { fault: fault.clone(), source: NamedSource::new(&fault.file, fault.text.clone()) }
    }
}

impl fmt::Display for Pointed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for Pointed {}

impl Diagnostic for Pointed {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.fault.code.id()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fault.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.fault.span.clone();
        Some(Box::new(std::iter::once(LabeledSpan::at(span, "here"))))
    }
}

impl From<OrderError> for CommandError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(list) => Self::Faults(list),
            OrderError::UnknownOrder { .. } => Self::new(
                error.to_string(),
                "give one of these ids, or the path of an order file; --orders DIR adds a folder",
            ),
            OrderError::UnknownDossier { .. } => Self::new(
                error.to_string(),
                "--dossiers DIR adds a folder that holds the dossier as a folder of that name",
            ),
            OrderError::Clock(_) => Self::new(error.to_string(), ""),
        }
    }
}

impl From<PlaceError> for CommandError {
    fn from(error: PlaceError) -> Self {
        let help = match &error {
            PlaceError::Open { .. } => "name a folder that holds a root, or a bundle written by `ostrakon inventory`",
            PlaceError::Bundle { .. } => "bundles are written by `ostrakon inventory --out FILE`",
            PlaceError::Write { .. } => "name another file with --out",
        };
        Self::new(error.to_string(), help)
    }
}

impl From<IdentifyError> for CommandError {
    fn from(error: IdentifyError) -> Self {
        Self::new(error.to_string(), "split the indicator, or make its patterns shorter")
    }
}

impl From<ostrakon_ledger::LedgerError> for CommandError {
    fn from(error: ostrakon_ledger::LedgerError) -> Self {
        use ostrakon_ledger::LedgerError;
        let help = match &error {
            LedgerError::Io { .. } => "--home DIR names another home",
            LedgerError::Malformed(_) => "",
            LedgerError::Refused(_) => {
                "do not trust it: ask whoever keeps the ledger for an older checkpoint or another copy"
            }
        };
        Self::new(error.to_string(), help)
    }
}

impl From<ostrakon_plan::PlanError> for CommandError {
    fn from(error: ostrakon_plan::PlanError) -> Self {
        use ostrakon_plan::PlanError;
        match error {
            PlanError::Ledger(error) => error.into(),
            PlanError::Refused(list) => {
                let help = "nothing was done; `ostrakon plan show --plan FILE` lists all that speaks against it";
                Self::new(format!("the plan is refused\n- {}", list.join("\n- ")), help)
            }
            PlanError::Malformed(why) => Self::new(why, "plans are written by `ostrakon plan draft`"),
        }
    }
}

impl From<ostrakon_remove::RemoveError> for CommandError {
    fn from(error: ostrakon_remove::RemoveError) -> Self {
        use ostrakon_remove::RemoveError;
        let help = match &error {
            RemoveError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => "run it as root",
            RemoveError::Io { .. } | RemoveError::Failed { .. } => {
                "mend that and run `ostrakon remove resume`, or go back: `ostrakon remove rollback`"
            }
            RemoveError::Refused(_) => "",
            RemoveError::Damaged { .. } => {
                "its folder in the home's runs/ has the saved files; keep it and ask for help"
            }
        };
        Self::new(error.to_string(), help)
    }
}

impl From<ReportError> for CommandError {
    fn from(error: ReportError) -> Self {
        Self::new(error.to_string(), "")
    }
}
