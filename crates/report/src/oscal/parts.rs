//! What every OSCAL document here is made of: identifiers that stay the same, text that fits OSCAL's data types,
//! instants with a zone, props, people, resources and assets.

use super::{NAMESPACE, VERSION};
use crate::digest;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use ostrakon_order::Order;
use serde_json::{Value, json};
use std::fmt::Display;
use uuid::Uuid;

/// [`NAMESPACE`] as a version 5 UUID below the namespace of URLs.
pub(super) const OURS: Uuid = Uuid::from_u128(0xc180_4b5e_584f_581f_9e52_0d19_96b6_06d8);

const STAMP: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The identifier of what these names name: the same in every document and every run.
pub(super) fn uuid_of(names: &[&str]) -> String {
    Uuid::new_v5(&OURS, names.join("\u{1f}").as_bytes()).to_string()
}

/// A document of that kind. Empty lists, empty texts and nulls, which OSCAL does not allow, are left out.
pub(super) fn document(kind: &str, body: Value) -> Value {
    Value::Object([(kind.to_owned(), lean(body))].into_iter().collect())
}

fn lean(value: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(key, value)| (key, lean(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(lean).collect()),
        other => other,
    }
}

/// One line without white space at its ends: OSCAL's `string`.
pub(super) fn flat(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Plain text as OSCAL's `markup-line`, which is Markdown: names on machines are chosen by others and must stay text.
pub(super) fn line(text: &str) -> String {
    let text = flat(text);
    if text.is_empty() { "-".to_owned() } else { plain(&text) }
}

/// Plain text as OSCAL's `markup-multiline`.
pub(super) fn prose(text: &str) -> String {
    text.lines().map(|line| plain(&flat(line))).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '{' | '}') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// An identifier as OSCAL's `token`. What does not fit is replaced, and then tells itself apart by its end.
pub(super) fn token(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut out: String = text.chars().map(|letter| if fits(letter) { letter } else { '-' }).collect();
    if !out.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        out.insert(0, '_');
    }
    if out != text {
        let end = uuid_of(&["token", text]);
        out.push('-');
        out.extend(end.chars().take(8));
    }
    out
}

/// An RFC 3339 instant or date as OSCAL writes instants; none: it is neither, or outside the years OSCAL knows.
pub(super) fn instant(text: &str) -> Option<String> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at.strftime(STAMP).to_string(),
        Err(_) => text.parse::<Date>().ok()?.at(0, 0, 0, 0).strftime(STAMP).to_string(),
    };
    let known = at.len() == 20 && ("1900".."3000").contains(&at.as_str());
    known.then_some(at)
}

/// The first of `texts` that is an instant.
pub(super) fn first_instant(texts: &[&str]) -> String {
    let found = texts.iter().find_map(|text| instant(text));
    found.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

/// When a day of the order begins.
pub(super) fn day_begins(order: &Order, day: Date) -> String {
    in_zone(order, day.at(0, 0, 0, 0))
}

/// When a day of the order ends.
pub(super) fn day_ends(order: &Order, day: Date) -> String {
    in_zone(order, day.at(23, 59, 59, 0))
}

fn in_zone(order: &Order, at: DateTime) -> String {
    let Ok(zoned) = at.to_zoned_datetime(order.time_zone.clone()) else { return at.strftime(STAMP).to_string() };
    // Of offsets that are no whole hours OSCAL knows only a few.
    if zoned.offset().seconds() % 3600 == 0 {
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    } else {
        zoned.timestamp().strftime(STAMP).to_string()
    }
}

/// The props of one object. Values that are empty or there already are left out.
#[derive(Default)]
pub(super) struct Props(Vec<Value>);

impl Props {
    /// One of our own.
    pub(super) fn own(self, name: &str, value: impl Display) -> Self {
        self.with(name, Some(NAMESPACE), &value.to_string(), "")
    }

    /// One of our own, explained.
    pub(super) fn explained(self, name: &str, value: impl Display, remarks: &str) -> Self {
        self.with(name, Some(NAMESPACE), &value.to_string(), remarks)
    }

    /// One of our own for each value.
    pub(super) fn each(self, name: &str, values: &[String]) -> Self {
        values.iter().fold(self, |props, value| props.own(name, value))
    }

    /// One whose name OSCAL itself defines for the object.
    pub(super) fn oscal(self, name: &str, value: impl Display) -> Self {
        self.with(name, None, &value.to_string(), "")
    }

    fn with(mut self, name: &str, ns: Option<&str>, value: &str, remarks: &str) -> Self {
        let value = flat(value);
        let prop = json!({"name": name, "ns": ns, "value": value, "remarks": prose(remarks)});
        if !value.is_empty() && !self.0.contains(&prop) {
            self.0.push(prop);
        }
        self
    }

    /// The list.
    pub(super) fn list(self) -> Value {
        Value::Array(self.0)
    }
}

/// What is at the head of a document besides the order.
pub(super) struct Head<'a> {
    /// Its title.
    pub(super) title: String,
    /// Its version.
    pub(super) version: String,
    /// When it was last changed.
    pub(super) modified: String,
    /// Its props.
    pub(super) props: Props,
    /// The resources it speaks of.
    pub(super) links: Vec<Value>,
    /// Who made it; empty: not known.
    pub(super) agency: &'a str,
    /// Who approved the plan.
    pub(super) approvers: &'a [String],
}

/// The metadata of a document.
pub(super) fn metadata(order: &Order, head: Head<'_>) -> Value {
    let (mut roles, mut parties, mut responsible) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |role: &str, title: &str, kind: &str, names: &[&str]| {
        let mut uuids = Vec::new();
        for name in names.iter().map(|name| flat(name)).filter(|name| !name.is_empty()) {
            let uuid = uuid_of(&["party", kind, &name]);
            let party = json!({"uuid": uuid, "type": kind, "name": name});
            if !parties.contains(&party) {
                parties.push(party);
            }
            if !uuids.contains(&uuid) {
                uuids.push(uuid);
            }
        }
        if !uuids.is_empty() {
            roles.push(json!({"id": role, "title": title}));
            responsible.push(json!({"role-id": role, "party-uuids": uuids}));
        }
    };
    let approvers: Vec<&str> = head.approvers.iter().map(String::as_str).collect();
    take("issuer", "Issuer of the order", "organization", &[&order.issuer]);
    take("prepared-by", "Agency that reports", "organization", &[head.agency]);
    take("plan-approver", "Approver of the plan", "person", &approvers);
    json!({
        "title": line(&head.title),
        "last-modified": head.modified,
        "version": if flat(&head.version).is_empty() { "1".to_owned() } else { flat(&head.version) },
        "oscal-version": VERSION,
        "props": head.props.list(),
        "links": head.links,
        "roles": roles,
        "parties": parties,
        "responsible-parties": responsible,
    })
}

/// A link to something in the same document.
pub(super) fn link(to: &str, rel: &str) -> Value {
    json!({"href": format!("#{to}"), "rel": rel})
}

/// Something outside the document, with the digest that names it where one is known.
pub(super) struct Resource<'a> {
    /// Its names, which make its identifier.
    pub(super) names: &'a [&'a str],
    /// Its title.
    pub(super) title: &'a str,
    /// What it is.
    pub(super) description: &'a str,
    /// OSCAL's word for its kind.
    pub(super) kind: &'a str,
    /// Where it is; empty: not known.
    pub(super) href: &'a str,
    /// `sha256:` and the digest in hex; empty: not known.
    pub(super) digest: &'a str,
}

impl Resource<'_> {
    /// Its identifier.
    pub(super) fn uuid(&self) -> String {
        uuid_of(self.names)
    }

    /// The resource of the back matter.
    pub(super) fn value(&self) -> Value {
        let hex = self.digest.strip_prefix("sha256:").unwrap_or_default();
        let whole = hex.len() == 64 && hex.chars().all(|letter| letter.is_ascii_hexdigit());
        let hashes = if whole { json!([{"algorithm": "SHA-256", "value": hex}]) } else { json!([]) };
        let rlink = json!({"href": flat(self.href), "hashes": hashes});
        json!({
            "uuid": self.uuid(),
            "title": line(self.title),
            "description": prose(self.description),
            "props": Props::default().oscal("type", self.kind).own("digest", self.digest).list(),
            "rlinks": if self.href.is_empty() { json!([]) } else { json!([rlink]) },
        })
    }
}

/// The file of the order.
pub(super) fn order_file(order: &Order) -> (String, Value) {
    let (href, digest) = (format!("{}.toml", order.id), digest(&order.text));
    let resource = Resource {
        names: &["resource", "order", &order.id],
        title: &order.title,
        description: "The order as data: the file that findings and dates were computed from.",
        kind: "policy",
        href: &href,
        digest: &digest,
    };
    (resource.uuid(), resource.value())
}

/// Another of the documents made together with this one.
pub(super) fn sibling(order: &Order, name: &str, description: &str) -> (String, Value) {
    let resource = Resource {
        names: &["resource", name, &order.id],
        title: name,
        description,
        kind: "artifact",
        href: name,
        digest: "",
    };
    (resource.uuid(), resource.value())
}

/// The plan of removal, of that generation.
pub(super) fn plan_file(order: &Order, generation: u32, digest: &str) -> (String, Value) {
    let (number, title) = (generation.to_string(), format!("Plan of removal, generation {generation}"));
    let href = format!("plan-{generation}.json");
    let resource = Resource {
        names: &["resource", "plan", &order.id, &number],
        title: &title,
        description: "The plan of removal that progress is measured against.",
        kind: "plan",
        href: &href,
        digest,
    };
    (resource.uuid(), resource.value())
}

/// The program, as the tool behind what is observed.
pub(super) fn assets(tool: &str) -> Value {
    let uuid = uuid_of(&["tool", tool]);
    json!({
        "components": [{
            "uuid": uuid,
            "type": "software",
            "title": line(tool),
            "description": "Looks for the products of the order and compares looks.",
            "status": {"state": "operational"},
        }],
        "assessment-platforms": [{
            "uuid": uuid_of(&["platform", tool]),
            "title": line(tool),
            "uses-components": [{"component-uuid": uuid}],
        }],
    })
}

/// What was observed by the program.
pub(super) fn origins(tool: &str) -> Value {
    json!([{"actors": [{"type": "tool", "actor-uuid": uuid_of(&["tool", tool])}]}])
}

/// An asset, as an item of the inventory.
#[derive(Clone, Copy, Default)]
pub(super) struct Asset<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// Its operating system.
    pub(super) os: &'a str,
    /// The component it belongs to.
    pub(super) component: &'a str,
    /// What it is for.
    pub(super) mission_function: &'a str,
    /// Did anybody ever look at it?
    pub(super) looked_at: bool,
}

impl Asset<'_> {
    /// Its identifier, whatever the order.
    pub(super) fn uuid(&self) -> String {
        uuid_of(&["asset", self.id])
    }

    /// The item.
    pub(super) fn item(&self) -> Value {
        let props = Props::default()
            .oscal("asset-id", self.id)
            .oscal("label", self.name)
            .oscal("os-name", self.os)
            .oscal("function", self.mission_function)
            .own("component", self.component)
            .own("looked-at", if self.looked_at { "yes" } else { "no" });
        json!({"uuid": self.uuid(), "description": line(self.name), "props": props.list()})
    }

    /// The asset as the subject of an observation.
    pub(super) fn subject(&self) -> Value {
        json!({"subject-uuid": self.uuid(), "type": "inventory-item", "title": line(self.name)})
    }
}
