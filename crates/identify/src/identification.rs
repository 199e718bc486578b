//! The answer to one order: findings with their scope decision, coverage, methodology, and what that comes to.

use crate::evidence::Statement;
use crate::finding::Finding;
use jiff::civil::Date;
use ostrakon_model::{Asset, Ending, Excluded, Gap, Grade, Look, Method, Presence, Presences};
use ostrakon_order::policy::{Decision, Ruling};
use ostrakon_order::scope::Question;
use ostrakon_order::{Order, Policy};

/// One look, with what was recognised in it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its head.
    pub look: Look,
    /// Its tail; none: the look was cut off.
    pub ending: Option<Ending>,
    /// What was recognised, under every dossier that was asked about.
    pub findings: Vec<Finding>,
    /// What was not read.
    pub gaps: Vec<Gap>,
    /// What was left out on purpose.
    pub excluded: Vec<Excluded>,
    /// What is said of products in what was looked at.
    pub statements: Vec<Statement>,
}

/// The answer to one order over any number of looks.
#[derive(Debug, Clone)]
pub struct Identification {
    /// The order's id.
    pub order: String,
    /// The looks.
    pub assets: Vec<(Asset, Look)>,
    /// Findings of the order's vendors, in scope or not.
    pub findings: Vec<Judged>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// The collectors, each once.
    pub methodology: Vec<Method>,
}

/// A finding under an order.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// Does the order's scope take it in?
    pub in_scope: bool,
    /// Why.
    pub scope_reason: String,
    /// What a person decided about it.
    pub ruling: Option<Ruling>,
    /// Statements that it is not there (VEX). They are shown, and change nothing.
    pub disputed: Vec<Statement>,
}

impl Judged {
    /// Does it count: in scope, and sure enough or ruled to be the product?
    pub fn counts(&self) -> bool {
        let ruled = self.ruling.as_ref().is_some_and(|ruling| ruling.decision == Decision::Product);
        self.in_scope && (self.finding.grade > Grade::Possible || ruled)
    }

    /// Must a person rule on it before the answer is whole?
    pub fn is_open(&self) -> bool {
        self.in_scope && self.ruling.is_none() && self.finding.grade == Grade::Possible
    }
}

/// What was read and what was not.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// No gap that is not accepted could hide what the order asks for.
    pub complete: bool,
    /// Files met.
    pub files: u64,
    /// Folders read.
    pub folders: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Members of archives met.
    pub members: u64,
    /// Bytes that archives were inflated to.
    pub bytes_inflated: u64,
    /// Artifacts seen.
    pub artifacts: u64,
    /// Artifacts by collector.
    pub by_collector: std::collections::BTreeMap<String, u64>,
    /// What was not read.
    pub gaps: Vec<JudgedGap>,
    /// What was left out on purpose.
    pub excluded: Vec<(String, Excluded)>,
    /// Presences the order asks for that none of these looks could show at all.
    pub not_looked_for: Presences,
}

/// A gap under an order and a policy.
#[derive(Debug, Clone)]
pub struct JudgedGap {
    /// The asset.
    pub asset: String,
    /// The gap.
    pub gap: Gap,
    /// Could it hide what the order asks for?
    pub matters: bool,
    /// Who takes it on, and why.
    pub accepted: Option<(String, String)>,
}

impl JudgedGap {
    /// Does it keep coverage from being complete?
    pub fn is_open(&self) -> bool {
        self.matters && self.accepted.is_none()
    }
}

/// What an identification comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing in scope, and coverage is complete: exit code 0.
    NothingFound,
    /// Findings in scope: exit code 1.
    Found,
    /// Nothing found that counts, and the answer is not whole: exit code 3.
    Incomplete,
}

impl Answer {
    /// The exit code of the command.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::NothingFound => 0,
            Self::Found => 1,
            Self::Incomplete => 3,
        }
    }
}

/// Asks `order` of `subjects` under `policy` on the day `today`.
pub fn identify(order: &Order, subjects: &[Subject], policy: &Policy, today: Date) -> Identification {
    let mut answer = Identification {
        order: order.id.clone(),
        assets: Vec::new(),
        findings: Vec::new(),
        coverage: Coverage::default(),
        methodology: Vec::new(),
    };
    let asked = order.scope.presences();
    let statements: Vec<&Statement> = subjects.iter().flat_map(|subject| &subject.statements).collect();
    for subject in subjects {
        answer.assets.push((subject.look.asset.clone(), subject.look.clone()));
        let mine = subject.findings.iter().filter(|finding| order.scope.dossiers.contains(&finding.vendor));
        answer.findings.extend(mine.map(|finding| judge(order, finding, policy, &statements)));
        answer.coverage.add(subject, asked, policy, today);
        for method in &subject.look.methods {
            if !answer.methodology.contains(method) {
                answer.methodology.push(method.clone());
            }
        }
    }
    answer.coverage.complete = !subjects.is_empty() && !answer.coverage.gaps.iter().any(JudgedGap::is_open);
    // No collector of this program reads traffic or contracts.
    let out_of_reach = Presences::of(&[Presence::Contact, Presence::Procured]);
    answer.coverage.not_looked_for = asked.iter().filter(|presence| out_of_reach.contains(*presence)).collect();
    answer
}

fn judge(order: &Order, finding: &Finding, policy: &Policy, statements: &[&Statement]) -> Judged {
    let purls = || finding.evidence.iter().filter(|it| !it.supporting).map(|it| it.purl.as_str());
    let denying = statements.iter().filter(|statement| purls().any(|purl| statement.denies(purl)));
    let verdict = order.scope.decide(Question {
        vendor: &finding.vendor,
        product: &finding.product,
        kind: finding.kind,
        entity: &finding.entity,
        presence: finding.presence,
    });
    // A person rules on what is possible; evidence that has grown since then speaks for itself.
    let ruling = policy.ruling(&finding.id).filter(|_| finding.grade == Grade::Possible);
    Judged {
        finding: finding.clone(),
        in_scope: verdict.in_scope,
        scope_reason: verdict.reason,
        disputed: denying.map(|statement| (*statement).clone()).collect(),
        ruling: ruling.cloned(),
    }
}

impl Coverage {
    fn add(&mut self, subject: &Subject, asked: Presences, policy: &Policy, today: Date) {
        let asset = &subject.look.asset.id;
        if let Some(ending) = &subject.ending {
            self.files += ending.files;
            self.folders += ending.folders;
            self.bytes_read += ending.bytes_read;
            self.members += ending.members;
            self.bytes_inflated += ending.bytes_inflated;
            self.artifacts += ending.artifacts;
            for (collector, count) in &ending.by_collector {
                *self.by_collector.entry(collector.clone()).or_default() += count;
            }
        }
        for gap in &subject.gaps {
            let accepted = policy.accepts(gap, asset, today);
            self.gaps.push(JudgedGap {
                asset: asset.clone(),
                matters: gap.hides.meets(asked),
                accepted: accepted.map(|accepted| (accepted.by.clone(), accepted.because.clone())),
                gap: gap.clone(),
            });
        }
        self.excluded.extend(subject.excluded.iter().map(|excluded| (asset.clone(), excluded.clone())));
    }
}

impl Identification {
    /// Findings that count.
    pub fn counting(&self) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(|judged| judged.counts())
    }

    /// Findings a person must rule on.
    pub fn open(&self) -> impl Iterator<Item = &Judged> {
        self.findings.iter().filter(|judged| judged.is_open())
    }

    /// What it comes to.
    pub fn answer(&self) -> Answer {
        if self.counting().next().is_some() {
            Answer::Found
        } else if self.coverage.complete && self.open().next().is_none() {
            Answer::NothingFound
        } else {
            Answer::Incomplete
        }
    }
}
