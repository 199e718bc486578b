//! Package URLs in one spelling: without qualifiers and subpath, percent-encoding as the specification of package URLs
//! has it. What writers got wrong is taken as it stands rather than lost.

use ostrakon_model::locator::decode;
use packageurl::PackageUrl;

/// A package URL in its parts, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Purl {
    /// The type, in lower case.
    pub(crate) kind: String,
    /// What stands before the name: a scope, group or distribution.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: String,
    /// Where the name alone does not say it: an image's repository.
    pub(crate) repository: String,
    /// Type, namespace, name and version again, in the one spelling.
    pub(crate) plain: String,
}

impl Purl {
    /// Namespace and name with `between` between them; the name alone where it has no namespace.
    pub(crate) fn full_name(&self, between: char) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}{between}{}", self.namespace, self.name) }
    }
}

/// The parts of `text`; `None` where it is no package URL.
pub(crate) fn read(text: &str) -> Option<Purl> {
    let text = text.trim();
    let rest = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("pkg:")).and(text.get(4..))?;
    let rest = rest.trim_start_matches('/');
    let (rest, _) = rest.rsplit_once('#').unwrap_or((rest, ""));
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, path) = rest.split_once('/')?;
    let (path, version) = match path.rsplit_once('@') {
        // `@` before a `/` begins the scope of an npm package.
        Some((path, version)) if !version.contains('/') && !path.is_empty() => (path, version),
        _ => (path, ""),
    };
    let path = path.trim_matches('/');
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
    let plain = |text: &str| String::from_utf8_lossy(&decode(text)).into_owned();
    let (namespace, name, version) = (plain(namespace), plain(name), plain(version));
    if name.is_empty() || kind.is_empty() {
        return None;
    }
    let repository = qualifiers.split('&').find_map(|pair| pair.strip_prefix("repository_url="));
    let spelled = spell(kind, &namespace, &name, &version);
    Some(Purl {
        kind: kind.to_ascii_lowercase(),
        namespace,
        name,
        version,
        repository: plain(repository.unwrap_or_default()),
        plain: spelled.unwrap_or_else(|| format!("pkg:{rest}")),
    })
}

fn spell(kind: &str, namespace: &str, name: &str, version: &str) -> Option<String> {
    let mut purl = PackageUrl::new(kind.to_owned(), name.to_owned()).ok()?;
    if !namespace.is_empty() {
        purl.with_namespace(namespace.to_owned()).ok()?;
    }
    if !version.is_empty() {
        purl.with_version(version.to_owned()).ok()?;
    }
    Some(purl.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_without_qualifiers() {
        let cases = [
            ("pkg:npm/@kaspersky/hexa-ui@6.1.0?x=y", "pkg:npm/%40kaspersky/hexa-ui@6.1.0"),
            ("pkg:npm/%40kaspersky/hexa-ui", "pkg:npm/%40kaspersky/hexa-ui"),
            ("PKG://deb/debian/hostname@3.23%2Bnmu1?arch=amd64#a/b", "pkg:deb/debian/hostname@3.23%2Bnmu1"),
            ("pkg:rpm/redhat/kesl@12.1-1?epoch=0", "pkg:rpm/redhat/kesl@12.1-1"),
            ("pkg:cargo/name/space@1", "pkg:cargo/name/space@1"),
            ("pkg:maven/org.a/b@1", "pkg:maven/org.a/b@1"),
        ];
        for (text, plain) in cases {
            assert_eq!(read(text).unwrap().plain, plain);
        }
    }

    #[test]
    fn the_parts_are_decoded() {
        let purl = read("pkg:npm/%40kaspersky/hexa-ui@6.1.0").unwrap();
        assert_eq!((purl.full_name('/').as_str(), purl.version.as_str()), ("@kaspersky/hexa-ui", "6.1.0"));
        let image = read("pkg:oci/kesl@sha256%3Aab?repository_url=registry.example%2Fkaspersky%2Fkesl").unwrap();
        assert_eq!(image.repository, "registry.example/kaspersky/kesl");
    }

    #[test]
    fn other_text_is_none() {
        for text in ["", "pkg:", "pkg:npm", "pkg:npm/", "https://example.com/", "пакет"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
