//! Approvals: signatures over the canonical form of a plan. A plan that changed by one letter has none.

use crate::plan::{Plan, SCHEMA};
use crate::{PlanError, lint};
use jiff::civil::Date;
use ostrakon_ledger::envelope::{Signature, pre_authentication};
use ostrakon_ledger::{PublicKey, SecretKey, canonical, sha256};
use serde::{Deserialize, Serialize};

/// Type of what is signed, as DSSE wants it.
const PAYLOAD_TYPE: &str = "application/vnd.ostrakon.plan+json";

/// A plan file: the plan, and the approvals given to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The plan.
    pub plan: Plan,
    /// DSSE signatures over its canonical JSON.
    #[serde(default)]
    pub approvals: Vec<Signature>,
}

/// Who may approve, and how many must.
#[derive(Debug, Clone)]
pub struct Approvers {
    /// How many.
    pub required: u32,
    /// Their keys.
    pub keys: Vec<PublicKey>,
}

/// A plan that was approved, and that the linter has nothing against today.
#[derive(Debug, Clone)]
pub struct Approved {
    plan: Plan,
    by: Vec<String>,
}

impl Plan {
    /// What names the plan: `sha256:` and the digest of its canonical JSON.
    pub fn digest(&self) -> Result<String, PlanError> {
        Ok(format!("sha256:{}", sha256(&canonical(self)?)))
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, PlanError> {
        Ok(pre_authentication(PAYLOAD_TYPE, &canonical(self)?))
    }
}

impl Signed {
    /// A plan nobody has approved yet.
    pub fn unapproved(plan: Plan) -> Self {
        Self { plan, approvals: Vec::new() }
    }

    /// Reads a plan file.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let wrong = |error: serde_json::Error| PlanError::Malformed(format!("not a plan of this program: {error}"));
        let written: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
        let signed: Self = serde_json::from_str(text).map_err(wrong)?;
        if signed.plan.schema != SCHEMA {
            let schema = &signed.plan.schema;
            return Err(PlanError::Malformed(format!("a plan of the form `{schema}`; this program knows {SCHEMA}")));
        }
        // What is read must be all that is written: something that is not understood could not be approved.
        if canonical(&signed.plan)? != canonical(&written["plan"])? {
            return Err(PlanError::Malformed("the plan holds something this program does not know".to_owned()));
        }
        Ok(signed)
    }

    /// The text of the file.
    pub fn text(&self) -> Result<String, PlanError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| PlanError::Malformed(error.to_string()))?;
        Ok(text + "\n")
    }

    /// Approves the plan with `key`, which must be one of `approvers`. `own`: paths of this program, which no plan may
    /// touch. A plan that the linter refuses is not approved.
    pub fn approve(
        &mut self,
        key: &SecretKey,
        approvers: &Approvers,
        today: Date,
        own: &[String],
    ) -> Result<(), PlanError> {
        if !approvers.keys.contains(key.public()) {
            let known: Vec<String> = approvers.keys.iter().map(PublicKey::id).collect();
            let (given, known) = (key.public().id(), known.join(", "));
            return Err(PlanError::Refused(vec![format!("{given} may not approve plans here; approvers are {known}")]));
        }
        refuse(&self.plan, today, own)?;
        let sig = key.sign(&self.plan.signed_bytes()?)?;
        let keyid = key.public().id();
        self.approvals.retain(|known| known.keyid != keyid);
        self.approvals.push(Signature { keyid, sig: encode(&sig) });
        Ok(())
    }

    /// The approvers whose signatures hold, by key id; faults of those that do not.
    pub fn approved_by(&self, approvers: &Approvers) -> Result<(Vec<String>, Vec<String>), PlanError> {
        let bytes = self.plan.signed_bytes()?;
        let (mut by, mut faults) = (Vec::new(), Vec::new());
        for approval in &self.approvals {
            match approvers.keys.iter().find(|key| key.id() == approval.keyid) {
                None => faults.push(format!("the approval of {} does not count: not an approver here", approval.keyid)),
                Some(key) if decode(&approval.sig).is_some_and(|sig| key.verify(&bytes, &sig)) => by.push(key.id()),
                Some(key) => faults
                    .push(format!("the approval of {} is void: the plan is not the one that was approved", key.id())),
            }
        }
        by.sort();
        by.dedup();
        Ok((by, faults))
    }

    /// How many different keys have approved: one key under two names is one.
    fn count(&self, by: &[String], approvers: &[PublicKey]) -> usize {
        let keys = approvers.iter().filter(|key| by.contains(&key.id())).map(PublicKey::material);
        keys.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Whether the approvers that the plan itself names have approved it; what is missing.
    fn own_approval(&self) -> Result<Vec<String>, PlanError> {
        let Some(own) = &self.plan.approval else { return Ok(Vec::new()) };
        let keys = own.approvers.iter().map(|line| PublicKey::parse(line)).collect::<Result<Vec<_>, _>>()?;
        let approvers = Approvers { required: own.required, keys };
        let (by, mut faults) = self.approved_by(&approvers)?;
        let has = self.count(&by, &approvers.keys);
        if has >= own.required.max(1) as usize {
            return Ok(Vec::new());
        }
        faults.push(format!("the plan has {has} of {} approval(s) by the approvers it names", own.required.max(1)));
        Ok(faults)
    }

    /// The plan of a removal that was begun: going back needs no approval. `digest`: what the journal says was begun.
    pub fn begun(self, digest: &str) -> Result<Approved, PlanError> {
        if self.plan.digest()? != digest {
            return Err(PlanError::Refused(vec!["this is not the plan that was carried out".to_owned()]));
        }
        let by = self.approvals.iter().map(|approval| approval.keyid.clone()).collect();
        Ok(Approved { plan: self.plan, by })
    }

    /// The plan, if enough of `approvers` have approved it as it is, and the linter has nothing against it today.
    pub fn approved(self, approvers: &Approvers, today: Date, own: &[String]) -> Result<Approved, PlanError> {
        let (by, mut faults) = self.approved_by(approvers)?;
        let has = self.count(&by, &approvers.keys);
        let missing = self.own_approval()?;
        if !missing.is_empty() {
            return Err(PlanError::Refused(missing));
        }
        if has < approvers.required.max(1) as usize {
            let wanted = approvers.required.max(1);
            faults.push(format!(
                "the plan has {has} of {wanted} approval(s): ostrakon plan approve --plan FILE --key NAME"
            ));
            return Err(PlanError::Refused(faults));
        }
        refuse(&self.plan, today, own)?;
        Ok(Approved { plan: self.plan, by })
    }
}

impl Approved {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who approved it, by key id.
    pub fn by(&self) -> &[String] {
        &self.by
    }
}

fn refuse(plan: &Plan, today: Date, own: &[String]) -> Result<(), PlanError> {
    let refusals = lint(plan, today, own);
    if refusals.is_empty() {
        return Ok(());
    }
    Err(PlanError::Refused(refusals.iter().map(ToString::to_string).collect()))
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
