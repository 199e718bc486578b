//! A dossier that holds together: how one vendor's products are recognised and removed.

use crate::diagnostic::{Code, Diagnostic, Faults};
pub use crate::dossier_raw::{AtMost, Embeds, Fact, Removal, Step};
use crate::dossier_raw::{OneOrMany, RawCondition, RawDossier, RawIndicator, RawLookalike};
use crate::order::check_id;
use crate::pattern::{Test, parse_bytes};
use ostrakon_model::vocabulary::Syntax;
use ostrakon_model::{Artifact, Attribute, Grade, Locator, Presence, ProductKind};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

/// How one vendor is recognised and removed.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// Its name: the folder's.
    pub id: String,
    /// Its title.
    pub title: String,
    /// One paragraph.
    pub summary: String,
    /// The legal persons behind the products.
    pub entities: Vec<Entity>,
    /// The products.
    pub products: Vec<Product>,
    /// How they are recognised.
    pub indicators: Vec<Indicator>,
    /// Where the facts are from, by id: address and note.
    pub sources: BTreeMap<String, (String, String)>,
    /// What must not match.
    pub lookalikes: Vec<Lookalike>,
    /// How products are removed.
    pub removals: Vec<Removal>,
    /// What is known besides.
    pub facts: Vec<Fact>,
    /// Who else ships this vendor's code.
    pub embeds: Vec<Embeds>,
    /// The files' texts joined, whose digest names the dossier in reports.
    pub text: String,
}

/// A legal person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its name in the dossier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ISO 3166 code.
    pub country: String,
    /// Other spellings.
    pub aliases: Vec<String>,
    /// UEI, CAGE, LEI.
    pub ids: BTreeMap<String, String>,
    /// What to know about it.
    pub note: String,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its name in the dossier.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What kind of thing it is.
    pub kind: ProductKind,
    /// The legal person behind it, by id.
    pub entity: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Where it runs.
    pub platforms: Vec<String>,
    /// The controls it gives.
    pub capabilities: Vec<String>,
    /// The vendor is sure and the product is not: folded into a specific finding where there is one.
    pub generic: bool,
    /// What to know about it.
    pub note: String,
}

/// One test on one attribute (or any of several) of an artifact.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// Its full name: `vendor/product#id`.
    pub name: String,
    /// The product, by position in the dossier.
    pub product: usize,
    /// The attributes, any of them.
    pub on: Vec<Attribute>,
    /// The test.
    pub test: Test,
    /// What a match is worth.
    pub grade: Grade,
    /// Makes no finding by itself.
    pub supporting: bool,
    /// The presence a match proves, where it proves one.
    pub presence: Option<Presence>,
    /// What else must hold on the same artifact.
    pub and: Vec<Condition>,
    /// Where it is from, by id; empty where it is recalled.
    pub source: Vec<String>,
    /// What to know about it.
    pub note: String,
    /// The file it stands in, and where.
    pub place: (String, Range<usize>),
}

/// Something that must hold besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The attributes, any of them.
    pub on: Vec<Attribute>,
    /// The test.
    pub test: Test,
}

/// What must not match, and why.
#[derive(Debug, Clone)]
pub struct Lookalike {
    /// Its name.
    pub id: String,
    /// What it is.
    pub what: String,
    /// Why it is none of the vendor's.
    pub reason: String,
    /// Where that is from, by id.
    pub source: Vec<String>,
    /// How far it may be taken for the real thing.
    pub at_most: AtMost,
    /// What a look would see.
    pub artifact: Artifact,
    /// The file it stands in, its text, and where.
    pub place: (String, String, Range<usize>),
}

impl Dossier {
    /// Reads the files of a dossier folder, `(name, text)` each. `folder` is the folder's name, which must be the id.
    pub fn parse(folder: &str, files: &[(String, String)]) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Vec::new();
        let mut parts = Vec::new();
        for (file, text) in files {
            let mut part = Faults::of(file, text);
            if let Some(raw) = part.parse::<RawDossier>("docs/dossiers.md") {
                parts.push((file.as_str(), text.as_str(), raw));
            }
            faults.append(&mut part.list);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut builder = Builder { dossier: Self::empty(folder), faults, ids: BTreeSet::new() };
        parts.iter().for_each(|(file, text, raw)| builder.names(file, text, raw));
        parts.into_iter().for_each(|(file, text, raw)| builder.tests(file, text, raw));
        builder.finish(files)
    }

    fn empty(folder: &str) -> Self {
        Self {
            id: folder.to_owned(),
            title: String::new(),
            summary: String::new(),
            entities: Vec::new(),
            products: Vec::new(),
            indicators: Vec::new(),
            sources: BTreeMap::new(),
            lookalikes: Vec::new(),
            removals: Vec::new(),
            facts: Vec::new(),
            embeds: Vec::new(),
            text: String::new(),
        }
    }

    /// The product called `id`.
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    /// The name of the legal person `id`.
    pub fn entity_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.entities.iter().find(|entity| entity.id == id).map_or(id, |entity| entity.name.as_str())
    }
}

struct Builder {
    dossier: Dossier,
    faults: Vec<Diagnostic>,
    ids: BTreeSet<String>,
}

impl Builder {
    /// The names other parts refer to: head, entities, products, sources.
    fn names(&mut self, file: &str, text: &str, raw: &RawDossier) {
        let mut faults = Faults::of(file, text);
        if let Some(schema) = &raw.schema
            && schema.get_ref() != "ostrakon/dossier/1"
        {
            let help = "write schema = \"ostrakon/dossier/1\"";
            faults.add(Code::Schema, schema.span(), "not a dossier this program knows", help);
        }
        if let Some(id) = &raw.id
            && *id.get_ref() != self.dossier.id
        {
            let help = format!("rename the folder to {}, or write id = \"{}\"", id.get_ref(), self.dossier.id);
            faults.add(Code::Id, id.span(), "the id is not the folder's name", help);
        }
        if raw.id.is_some() {
            self.ids.insert("head".to_owned());
        }
        if let Some(title) = &raw.title {
            self.dossier.title.clone_from(title);
        }
        if let Some(summary) = &raw.summary {
            self.dossier.summary.clone_from(summary);
        }
        for entity in &raw.entity {
            check_id(&entity.id, &mut faults);
            self.dossier.entities.push(Entity {
                id: entity.id.get_ref().clone(),
                name: entity.name.clone(),
                country: entity.country.clone(),
                aliases: entity.aliases.clone(),
                ids: entity.ids.clone(),
                note: entity.note.clone(),
            });
        }
        for product in &raw.product {
            check_id(&product.id, &mut faults);
            if !self.ids.insert(format!("product {}", product.id.get_ref())) {
                faults.add(Code::Duplicate, product.id.span(), "this product is there twice", "join the two");
            }
            self.dossier.products.push(Product {
                id: product.id.get_ref().clone(),
                title: product.title.clone(),
                kind: product.kind,
                entity: product.entity.as_ref().map(|id| id.get_ref().clone()).unwrap_or_default(),
                aliases: product.aliases.clone(),
                platforms: product.platforms.clone(),
                capabilities: product.capabilities.clone(),
                generic: product.generic,
                note: product.note.clone(),
            });
        }
        for source in &raw.source {
            let span = source.id.span();
            let about = (source.url.clone(), source.note.clone());
            let known = self.dossier.sources.insert(source.id.get_ref().clone(), about);
            if known.is_some() {
                faults.add(Code::Duplicate, span, "this source is there twice", "join the two");
            }
        }
        self.faults.append(&mut faults.list);
    }

    /// What refers to those names: indicators, lookalikes, removals, facts.
    fn tests(&mut self, file: &str, text: &str, raw: RawDossier) {
        let mut faults = Faults::of(file, text);
        raw.entity.iter().for_each(|entity| self.cited(&entity.source, &entity.id.span(), &mut faults));
        for product in &raw.product {
            self.cited(&product.source, &product.id.span(), &mut faults);
            if product.recalled && !product.source.is_empty() {
                let help = "keep the source, or recalled = true";
                faults.add(Code::Source, product.id.span(), "recalled, and yet with a source", help);
            }
        }
        for indicator in raw.indicator {
            self.indicator(file, indicator, &mut faults);
        }
        for lookalike in raw.lookalike {
            self.lookalike(file, text, lookalike, &mut faults);
        }
        for (product, source) in raw
            .removal
            .iter()
            .map(|it| (&it.product, &it.source))
            .chain(raw.fact.iter().map(|it| (&it.product, &it.source)))
        {
            let at = text.find(product.as_str()).unwrap_or_default();
            self.cited(source, &(at..at), &mut faults);
            if !product.is_empty() && self.dossier.product(product).is_none() {
                let help = "products are the ids of [[product]]; left out: all of the vendor's";
                faults.add(Code::Reference, at..at + product.len(), format!("no product is called `{product}`"), help);
            }
        }
        raw.embeds.iter().for_each(|it| self.cited(&it.source, &(0..0), &mut faults));
        self.dossier.removals.extend(raw.removal);
        self.dossier.facts.extend(raw.fact);
        self.dossier.embeds.extend(raw.embeds);
        self.faults.append(&mut faults.list);
    }

    fn indicator(&mut self, file: &str, raw: RawIndicator, faults: &mut Faults<'_>) {
        let span = raw.id.span();
        check_id(&raw.id, faults);
        let Some(product) = self.dossier.products.iter().position(|product| product.id == *raw.product.get_ref())
        else {
            let known = self.dossier.products.iter().map(|product| product.id.as_str()).collect::<Vec<_>>().join(", ");
            let message = format!("no product is called `{}`", raw.product.get_ref());
            faults.add(Code::Reference, raw.product.span(), message, format!("products of this dossier: {known}"));
            return;
        };
        let name = format!("{}/{}#{}", self.dossier.id, raw.product.get_ref(), raw.id.get_ref());
        if !self.ids.insert(name.clone()) {
            faults.add(Code::Duplicate, span.clone(), format!("`{name}` is there twice"), "give each its own id");
        }
        self.sourced(&raw.source, raw.recalled, &span, faults);
        if raw.recalled && raw.grade != Grade::Possible {
            let help = "write grade = \"possible\", or give the source that shows it";
            faults.add(Code::Grade, span.clone(), "a recalled fact can only be possible", help);
        }
        if raw.supporting && raw.grade != Grade::Possible {
            let help = "write grade = \"possible\"";
            faults.add(Code::Grade, span.clone(), "what only supports can only be possible", help);
        }
        let tests = [raw.is, raw.prefix, raw.suffix, raw.glob, raw.regex, raw.under, raw.bytes];
        let on = attributes(&raw.on, faults);
        let Some(test) = test_of(tests, &on, &span, faults) else { return };
        let and = raw.and.into_iter().filter_map(|condition| condition_of(condition, faults)).collect();
        self.dossier.indicators.push(Indicator {
            name,
            product,
            on,
            test,
            grade: raw.grade,
            supporting: raw.supporting,
            presence: raw.presence,
            and,
            source: raw.source,
            note: raw.note,
            place: (file.to_owned(), span),
        });
    }

    fn lookalike(&mut self, file: &str, text: &str, raw: RawLookalike, faults: &mut Faults<'_>) {
        let span = raw.id.span();
        check_id(&raw.id, faults);
        if !self.ids.insert(format!("lookalike {}", raw.id.get_ref())) {
            faults.add(Code::Duplicate, span.clone(), "this lookalike is there twice", "give each its own id");
        }
        self.sourced(&raw.source, raw.recalled, &span, faults);
        let mut artifact = Artifact::new(raw.artifact.kind, Locator(format!("lookalike {}", raw.id.get_ref())), "");
        for (name, values) in raw.artifact.attributes {
            match Attribute::named(name.get_ref()) {
                Ok(attribute) => values.into_vec().into_iter().for_each(|value| artifact.push(attribute, value)),
                Err(error) => faults.add(Code::Attribute, name.span(), error.to_string(), nearest(name.get_ref())),
            }
        }
        self.dossier.lookalikes.push(Lookalike {
            id: raw.id.into_inner(),
            what: raw.what,
            reason: raw.reason,
            source: raw.source,
            at_most: raw.at_most,
            artifact,
            place: (file.to_owned(), text.to_owned(), span),
        });
    }

    fn sourced(&self, source: &[String], recalled: bool, span: &Range<usize>, faults: &mut Faults<'_>) {
        if source.is_empty() && !recalled {
            let help = "name the source it was seen in, or write recalled = true";
            faults.add(Code::Source, span.clone(), "a fact without a source", help);
        }
        self.cited(source, span, faults);
    }

    /// Entities and products may cite sources; what they cite must be there.
    fn cited(&self, source: &[String], span: &Range<usize>, faults: &mut Faults<'_>) {
        for id in source {
            if !self.dossier.sources.contains_key(id) {
                let help = "add a [[source]] with this id";
                faults.add(Code::Reference, span.clone(), format!("no source is called `{id}`"), help);
            }
        }
    }

    fn finish(mut self, files: &[(String, String)]) -> Result<Dossier, Vec<Diagnostic>> {
        let (file, text) = files.first().map_or(("", ""), |(file, text)| (file.as_str(), text.as_str()));
        let mut faults = Faults::of(file, text);
        if !self.ids.contains("head") {
            let help = "one file of the folder begins with schema, id, title and summary";
            faults.add(Code::Missing, 0..0, format!("the dossier `{}` has no head", self.dossier.id), help);
        }
        if self.dossier.title.is_empty() {
            faults.add(Code::Missing, 0..0, "the dossier has no title", "add title = \"...\" below its id");
        }
        for product in &self.dossier.products {
            if !product.entity.is_empty() && !self.dossier.entities.iter().any(|entity| entity.id == product.entity) {
                let message = format!("product `{}`: no entity is called `{}`", product.id, product.entity);
                faults.add(Code::Reference, 0..0, message, "add an [[entity]] with this id");
            }
        }
        self.faults.append(&mut faults.list);
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        self.dossier.text = files.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        Ok(self.dossier)
    }
}

fn attributes(on: &Spanned<OneOrMany>, faults: &mut Faults<'_>) -> Vec<Attribute> {
    let mut list = Vec::new();
    for name in on.get_ref().clone().into_vec() {
        match Attribute::named(&name) {
            Ok(attribute) => list.push(attribute),
            Err(error) => faults.add(Code::Attribute, on.span(), error.to_string(), nearest(&name)),
        }
    }
    list
}

fn condition_of(raw: RawCondition, faults: &mut Faults<'_>) -> Option<Condition> {
    let on = attributes(&raw.on, faults);
    let tests = [raw.is, raw.prefix, raw.suffix, raw.glob, raw.regex, raw.under, None];
    let test = test_of(tests, &on, &raw.on.span(), faults)?;
    Some(Condition { on, test })
}

/// The one test of an indicator, checked against the attributes it is on.
fn test_of(
    tests: [Option<OneOrMany>; 7],
    on: &[Attribute],
    span: &Range<usize>,
    faults: &mut Faults<'_>,
) -> Option<Test> {
    let mut given = tests.into_iter().enumerate().filter_map(|(at, values)| Some((at, values?.into_vec())));
    let (Some((at, values)), None) = (given.next(), given.next()) else {
        let help = "give exactly one of is, prefix, suffix, glob, regex, under, bytes";
        faults.add(Code::Test, span.clone(), "not exactly one test", help);
        return None;
    };
    if values.iter().any(String::is_empty) || values.is_empty() {
        faults.add(Code::Test, span.clone(), "an empty value", "an empty text would match everything: remove it");
        return None;
    }
    let test = match at {
        0 => Test::Is(values),
        1 => Test::Prefix(values),
        2 => Test::Suffix(values),
        3 => Test::Glob(values),
        4 => Test::Regex(values),
        5 => Test::Under(values),
        _ => match values.iter().map(|value| parse_bytes(value)).collect() {
            Ok(bytes) => Test::Bytes(bytes),
            Err(help) => {
                faults.add(Code::Test, span.clone(), "bytes that cannot be read", help);
                return None;
            }
        },
    };
    for attribute in on {
        let syntax = attribute.info().syntax;
        if (syntax == Syntax::Bytes) != matches!(test, Test::Bytes(_)) {
            let help = "`bytes` is the test for attributes of bytes, and the only one";
            faults.add(Code::Test, span.clone(), format!("`{}` cannot test `{attribute}`", test.word()), help);
        } else if let Err(problem) = test.expressions(syntax) {
            faults.add(
                Code::Test,
                span.clone(),
                format!("`{}` on `{attribute}`: {problem}", test.word()),
                "mend the pattern",
            );
        }
    }
    Some(test)
}

/// The vocabulary's names that look like `name`.
fn nearest(name: &str) -> String {
    let stem = name.split('.').next().unwrap_or_default();
    let alike: Vec<_> = Attribute::all().map(Attribute::name).filter(|known| known.starts_with(stem)).collect();
    if alike.is_empty() {
        "`ostrakon dossier attributes` lists the names".to_owned()
    } else {
        format!("names that begin alike: {}", alike.join(", "))
    }
}
