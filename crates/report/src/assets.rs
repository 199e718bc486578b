//! The list of known assets: who must be looked at, of which component, for which mission.

use crate::ReportError;

/// One asset somebody knows of.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Known {
    /// Its id or its name; looks are matched by either, without regard to case.
    pub name: String,
    /// A second name: the id where `name` is the host name.
    pub id: String,
    /// The component of the agency it belongs to.
    pub component: String,
    /// What it is for.
    pub mission_function: String,
    /// Who answers for it.
    pub owner: String,
}

/// Reads a CSV with a head line. `name` (or `host`, `hostname`, `asset`) must be there; `id`, `component`,
/// `mission_function`, `owner` may.
pub fn known_assets(file: &str, text: &str) -> Result<Vec<Known>, ReportError> {
    let wrong = |line: u64, why: String| ReportError::Assets { file: file.to_owned(), line, why };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let head = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
    let column = |names: &[&str]| {
        head.iter().position(|title| {
            let title = title.to_ascii_lowercase().replace([' ', '-'], "_");
            names.contains(&title.as_str())
        })
    };
    let name = column(&["name", "host", "hostname", "asset"]);
    let name = name.ok_or_else(|| {
        wrong(1, "no column is called name; name, id, component, mission_function and owner are known".to_owned())
    })?;
    let (id, component) = (column(&["id", "asset_id"]), column(&["component", "bureau", "agency"]));
    let (mission, owner) = (column(&["mission_function", "mission", "function"]), column(&["owner"]));
    let mut list = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let value = |at: Option<usize>| at.and_then(|at| row.get(at)).unwrap_or_default().to_owned();
        let known = Known {
            name: value(Some(name)),
            id: value(id),
            component: value(component),
            mission_function: value(mission),
            owner: value(owner),
        };
        if known.name.is_empty() {
            return Err(wrong(row.position().map_or(0, csv::Position::line), "an asset without a name".to_owned()));
        }
        list.push(known);
    }
    Ok(list)
}

impl Known {
    /// Is this the asset of that id and name?
    pub fn is(&self, id: &str, name: &str) -> bool {
        let same = |own: &str| !own.is_empty() && (own.eq_ignore_ascii_case(id) || own.eq_ignore_ascii_case(name));
        same(&self.name) || same(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_a_bad_line_is_named() {
        let list = known_assets("a.csv", "Hostname,Component\npc7,Census\n").unwrap();
        assert_eq!((list[0].name.as_str(), list[0].component.as_str()), ("pc7", "Census"));
        assert!(list[0].is("machine:1", "PC7"));
        let error = known_assets("a.csv", "name,component\npc7,Census\n,Census\n").unwrap_err();
        assert_eq!(error.to_string(), "a.csv, line 3: an asset without a name");
        assert!(known_assets("a.csv", "component\nCensus\n").is_err());
    }
}
