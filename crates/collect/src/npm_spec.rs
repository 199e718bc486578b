//! How npm and its kin write a package and what is asked of it: `name@rest`, `@scope/name@rest`, and the alias
//! `npm:name@rest`, which installs a package under another name.

/// The name and what follows the `@` behind it, if anything; none where it does not begin with a name.
pub(crate) fn name_and_rest(spec: &str) -> Option<(&str, &str)> {
    let scope = usize::from(spec.starts_with('@'));
    let plain = spec.get(scope..)?;
    let (short, rest) = plain.split_once('@').unwrap_or((plain, ""));
    let name = spec.get(..scope.checked_add(short.len())?)?;
    is_name(name).then_some((name, rest))
}

/// Could a package have this name? Letters, digits and a few marks, with one `/` behind a scope.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |part: &str| {
        part.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte))
    };
    name.len() <= 214
        && match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, short)| fits(scope) && fits(short)),
            None => fits(name),
        }
}

/// The version, where it is one and no range, tag or address; otherwise nothing.
pub(crate) fn exact(version: &str) -> &str {
    let version = version.trim().trim_start_matches(['=', 'v']);
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers = || core.split('.');
    let is_one = numbers().count() == 3
        && numbers().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte));
    if is_one { version } else { "" }
}

/// The real name, and the version if it is exact, of what is asked for under `name` with `spec`.
pub(crate) fn asked<'a>(name: &'a str, spec: &'a str) -> (&'a str, &'a str) {
    let Some(spec) = spec.strip_prefix("npm:") else { return (name, exact(spec)) };
    match name_and_rest(spec) {
        Some((real, version)) if exact(spec).is_empty() && !is_range(spec) => (real, exact(version)),
        _ => (name, exact(spec)),
    }
}

/// `1`, `1.x`, `1.2.*`: letters of a name, and yet none.
fn is_range(spec: &str) -> bool {
    spec.bytes().all(|byte| byte.is_ascii_digit() || b".xX*".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_the_right_at_sign() {
        assert_eq!(name_and_rest("@kaspersky/hexa-ui@6.1.0"), Some(("@kaspersky/hexa-ui", "6.1.0")));
        assert_eq!(name_and_rest("x@git+ssh://git@host.example/x"), Some(("x", "git+ssh://git@host.example/x")));
        assert_eq!(name_and_rest("once"), Some(("once", "")));
        for none in ["", "@", "@@", "@scope", "@scope/", "user/repo", "https://host.example/x@1", "é@1", "^1.0"] {
            assert_eq!(name_and_rest(none), None, "{none}");
        }
    }

    #[test]
    fn only_exact_versions_count() {
        for (version, wanted) in [
            ("1.2.3", "1.2.3"),
            ("=1.2.3", "1.2.3"),
            ("1.2.3-beta.1+5", "1.2.3-beta.1+5"),
            ("^1.2.3", ""),
            ("1.2", ""),
            ("1.2.3 || 2.0.0", ""),
            ("latest", ""),
            ("file:../x", ""),
        ] {
            assert_eq!(exact(version), wanted);
        }
    }

    #[test]
    fn an_alias_gives_way_to_the_real_name() {
        assert_eq!(asked("old", "npm:tslib@1.14.1"), ("tslib", "1.14.1"));
        assert_eq!(asked("ui", "npm:@kaspersky/hexa-ui@^6"), ("@kaspersky/hexa-ui", ""));
        assert_eq!(asked("ui", "npm:@kaspersky/hexa-ui"), ("@kaspersky/hexa-ui", ""));
        for range in ["npm:^4.0.0", "npm:4.x", "npm:*", "^4.0.0"] {
            assert_eq!(asked("lodash", range), ("lodash", ""));
        }
        assert_eq!(asked("lodash", "npm:4.0.1"), ("lodash", "4.0.1"));
    }
}
