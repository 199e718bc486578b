//! What lands in the ledger, and in which words. Every record says what it is of by digest.

use crate::args::Global;
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::{hex, now};
use ostrakon_ledger::{Appended, Draft, Entry, Ledger, SecretKey, Subject as Of};
use ostrakon_order::Order;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// A ledger that is written to.
pub(crate) struct Recorder {
    ledger: Ledger,
    key: SecretKey,
    entries: Vec<(Entry, Appended)>,
}

/// An entry that a report is made of.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) at: Appended,
    pub(crate) what: String,
}

impl Source {
    fn json(&self) -> Value {
        json!({"index": self.at.index, "leaf": self.at.leaf, "what": self.what})
    }
}

impl Recorder {
    /// Opens the home's ledger, made if need be.
    pub(crate) fn open(global: &Global, home: &Home) -> Result<Self, CommandError> {
        let (ledger, key) = home.ledger(global)?;
        let entries = ledger.entries()?;
        Ok(Self { ledger, key, entries })
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn entries(&self) -> &[(Entry, Appended)] {
        &self.entries
    }

    /// Appends an entry.
    pub(crate) fn append(&mut self, kind: &str, subject: Vec<Of>, body: Value) -> Result<Source, CommandError> {
        let draft = Draft { kind: kind.to_owned(), at: now().to_string(), subject, body };
        let mut appended = self.ledger.append(&self.key, vec![draft])?;
        let Some(at) = appended.pop() else { return Err(CommandError::new("nothing was recorded", "")) };
        let entry = self.ledger.entry(at.index)?;
        let what = entry.label();
        self.entries.push((entry, at.clone()));
        Ok(Source { at, what })
    }

    /// The entry of that kind that speaks of that digest, appended if it is not there.
    fn once(&mut self, kind: &str, name: &str, sha256: &str, body: Value) -> Result<Source, CommandError> {
        let known = self.entries.iter().find(|(entry, _)| {
            entry.kind == kind && entry.subject.iter().any(|of| of.sha256() == sha256 && of.name == name)
        });
        match known {
            Some((entry, at)) => Ok(Source { at: at.clone(), what: entry.label() }),
            None => self.append(kind, vec![Of::of(name, sha256)], body),
        }
    }

    /// The order: its text is kept.
    pub(crate) fn order(&mut self, order: &Order) -> Result<Source, CommandError> {
        let sha256 = self.ledger.keep(order.text.as_bytes())?;
        let body = json!({"title": order.title, "issuer": order.issuer, "issued": order.issued.to_string()});
        self.once("order", &order.id, &sha256, body)
    }

    /// A look, by its bundle.
    pub(crate) fn look(&mut self, bundle: &Path, subject: &ostrakon_identify::Subject) -> Result<Source, CommandError> {
        let sha256 = digest_of(bundle)?;
        let look = &subject.look;
        let ending = subject.ending.as_ref();
        let body = json!({
            "asset": look.asset.id, "place": look.place, "started": look.started,
            "finished": ending.map(|it| it.finished.clone()), "privilege": look.privilege, "version": look.version,
            "files": ending.map(|it| it.files), "gaps": subject.gaps.len(),
            "collectors": look.methods.iter().map(|method| format!("{} {}", method.collector, method.version)).collect::<Vec<_>>(),
        });
        self.once("look", &look.asset.name, &sha256, body)
    }

    /// A plan: its text is kept.
    pub(crate) fn plan(&mut self, signed: &ostrakon_plan::Signed) -> Result<Source, CommandError> {
        let plan = &signed.plan;
        let digest = plan.digest()?;
        let sha256 = digest.trim_start_matches("sha256:");
        self.ledger.keep(&ostrakon_ledger::canonical(plan)?)?;
        let body = json!({
            "order": {"id": plan.order.id, "sha256": plan.order.digest.trim_start_matches("sha256:")},
            "generation": plan.generation, "parent": plan.parent, "policy": plan.policy, "ahead": plan.ahead,
            "assets": plan.assets.len(), "left": plan.left.len(),
            "actions": plan.assets.iter().map(|asset| asset.actions.len()).sum::<usize>(),
        });
        self.once("plan", &plan_name(plan), sha256, body)
    }

    /// An approval.
    pub(crate) fn approval(&mut self, signed: &ostrakon_plan::Signed, by: &str) -> Result<Source, CommandError> {
        self.plan(signed)?;
        let digest = signed.plan.digest()?;
        let signature = signed.approvals.iter().find(|approval| approval.keyid == by);
        let body = json!({"by": by, "signature": signature});
        let of = Of::of(plan_name(&signed.plan), digest.trim_start_matches("sha256:"));
        self.append("approval", vec![of], body)
    }

    /// A report: its bytes are kept. `made_of` has the order first.
    pub(crate) fn report(
        &mut self,
        name: &str,
        bytes: &[u8],
        order: &Order,
        claim: Value,
        made_of: &[Source],
    ) -> Result<Source, CommandError> {
        let sha256 = self.ledger.keep(bytes)?;
        let order = json!({"id": order.id, "sha256": ostrakon_ledger::sha256(order.text.as_bytes())});
        // A report of a fleet is made of thousands of looks: the list is a document of its own.
        let made_of: Vec<Value> = made_of.iter().map(Source::json).collect();
        let made_of = self.ledger.keep(&ostrakon_ledger::canonical(&made_of)?)?;
        let body = json!({"order": order, "claim": claim, "made_of": made_of});
        self.append("report", vec![Of::of(name, sha256)], body)
    }

    /// Is there a receipt of that run?
    pub(crate) fn has_receipt(&self, run: &str) -> bool {
        let fits =
            |entry: &Entry| entry.kind == "receipt" && entry.body.get("run").and_then(Value::as_str) == Some(run);
        self.entries.iter().any(|(entry, _)| fits(entry))
    }

    /// The entries of a kind whose body names this plan.
    pub(crate) fn of_plan(&self, kind: &str, plan: &str) -> Vec<Source> {
        let sha256 = plan.trim_start_matches("sha256:");
        let fits = |entry: &Entry| {
            entry.kind == kind
                && (entry.subject.iter().any(|of| of.sha256() == sha256)
                    || entry.body.get("plan").and_then(Value::as_str) == Some(plan))
        };
        let list = self.entries.iter().filter(|(entry, _)| fits(entry));
        list.map(|(entry, at)| Source { at: at.clone(), what: entry.label() }).collect()
    }
}

fn plan_name(plan: &ostrakon_plan::Plan) -> String {
    format!("{} generation {}", plan.order.id, plan.generation)
}

/// SHA-256 of a file in hex.
pub(crate) fn digest_of(file: &Path) -> Result<String, CommandError> {
    let unreadable = |error| CommandError::new(format!("cannot read {}: {error}", file.display()), "");
    let mut reader = std::fs::File::open(file).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match reader.read(&mut piece).map_err(unreadable)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}
