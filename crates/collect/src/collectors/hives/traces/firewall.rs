//! Rules of the firewall that name a program or an app.

use super::{FAMILY, TRACE_NAME};
use crate::collectors::hives::Found;
use crate::hive::{Broken, Key, Value};

const POLICY: &str = "Services\\SharedAccess\\Parameters\\FirewallPolicy";
const SOURCE: &str = "firewall-rule";

/// Reads the rules of the control set `set`, also those of before Vista.
pub(in crate::collectors::hives) fn read(control: Key<'_>, set: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let path = format!("{POLICY}\\FirewallRules");
    if let Some(rules) = control.key(&path)? {
        for value in rules.values()? {
            let Some(rule) = value.text() else { continue };
            let field = |name: &str| rule.split('|').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            // What begins with @ names a text in some library.
            let title = field("Name").filter(|name| !name.starts_with('@')).unwrap_or_default();
            // All that the kernel does is called `System`.
            let program = field("App").filter(|program| !program.eq_ignore_ascii_case("System"));
            let path = format!("{set}\\{path}");
            if let Some(program) = program {
                found.tell(found.trace(&path, SOURCE, program).with(TRACE_NAME, title));
            } else if let Some(family) = field("PFN") {
                found.tell(found.trace(&path, SOURCE, title).with(FAMILY, family));
            }
        }
    }
    for profile in ["DomainProfile", "StandardProfile"] {
        let path = format!("{POLICY}\\{profile}\\AuthorizedApplications\\List");
        let Some(list) = control.key(&path)? else { continue };
        for Value { name, .. } in list.values()? {
            found.tell(found.trace(&format!("{set}\\{path}"), SOURCE, &name));
        }
    }
    Ok(())
}
