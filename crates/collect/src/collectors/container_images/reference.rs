//! References to images, `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`, and the forms in which one image is written.
//! <https://github.com/distribution/reference>, <https://github.com/package-url/purl-spec>

use packageurl::PackageUrl;

/// The registry that a reference without one means.
const HUB: &str = "docker.io";

/// Where that registry keeps images whose names have one part.
const OFFICIAL: &str = "library/";

/// A reference, taken apart. What it does not have is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    registry: String,
    repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
}

impl Reference {
    /// Takes `text` apart. An image that is called by its digest alone has no name.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if let Some(digest) = digest(text) {
            return Self { digest, ..Self::default() };
        }
        let (rest, after) = text.split_once('@').unwrap_or((text, ""));
        // A `:` before a `/` begins the port of a registry.
        let (name, tag) = rest.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).unwrap_or((rest, ""));
        // Docker writes `<none>` where there is no name or tag.
        let tag = if tag == "<none>" { "" } else { tag };
        let mut reference = Self { tag: tag.to_owned(), digest: digest(after).unwrap_or_default(), ..Self::default() };
        if name.is_empty() || name == "<none>" {
            return reference;
        }
        let is_registry = |part: &str| {
            part.contains(['.', ':']) || part == "localhost" || part.chars().any(|letter| letter.is_ascii_uppercase())
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (HUB, name),
        };
        let registry = if registry == "index.docker.io" { HUB } else { registry };
        let prefix = if registry == HUB && !repository.contains('/') { OFFICIAL } else { "" };
        reference.registry = registry.to_owned();
        reference.repository = format!("{prefix}{repository}");
        reference
    }

    /// Does it say more than a digest?
    pub(super) fn has_name(&self) -> bool {
        !self.repository.is_empty()
    }

    /// The name without tag and digest: the full form and, where people leave the registry out, the short one.
    pub(super) fn forms(&self) -> Vec<String> {
        if !self.has_name() {
            return Vec::new();
        }
        let full = format!("{}/{}", self.registry, self.repository);
        if self.registry == HUB { vec![full, self.short().to_owned()] } else { vec![full] }
    }

    /// The package URL without qualifiers. Type `docker` then means the one registry; for any other there is type `oci`,
    /// whose version is the digest of a manifest: `manifest`, where the reference does not name one itself.
    pub(super) fn purl(&self, manifest: &str) -> Option<String> {
        if !self.has_name() {
            return None;
        }
        let first = |list: [&str; 3]| list.into_iter().find(|word| !word.is_empty()).map(str::to_owned);
        let (kind, path, version) = if self.registry == HUB {
            ("docker", self.short(), first([&self.tag, &self.digest, manifest]))
        } else {
            ("oci", self.repository.as_str(), Some(first([&self.digest, manifest, ""])?))
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut purl = PackageUrl::new(kind, name.to_owned()).ok()?;
        if kind == "docker" && !namespace.is_empty() {
            purl.with_namespace(namespace.to_owned()).ok()?;
        }
        if let Some(version) = version {
            purl.with_version(version).ok()?;
        }
        Some(purl.to_string())
    }

    fn short(&self) -> &str {
        self.repository.strip_prefix(OFFICIAL).unwrap_or(&self.repository)
    }
}

/// A digest with its algorithm before it; 64 digits alone are one of SHA-256.
pub(super) fn digest(text: &str) -> Option<String> {
    let is_hex = |hex: &str, length: usize| hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64).then(|| text.to_ascii_lowercase()),
        Some(("sha512", hex)) => is_hex(hex, 128).then(|| text.to_ascii_lowercase()),
        Some(_) => None,
        None => is_hex(text, 64).then(|| format!("sha256:{}", text.to_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_forms_tags_and_package_urls() {
        let manifest = format!("sha256:{}", "ab".repeat(32));
        let oci = format!("pkg:oci/kesl-container@{manifest}");
        let cases: [(&str, &[&str], &str, &str); 6] = [
            ("nginx", &["docker.io/library/nginx", "nginx"], "", &format!("pkg:docker/nginx@{manifest}")),
            (
                "index.docker.io/malice/kaspersky:1",
                &["docker.io/malice/kaspersky", "malice/kaspersky"],
                "1",
                "pkg:docker/malice/kaspersky@1",
            ),
            ("registry.example:5000/a/b/kesl-container:12", &["registry.example:5000/a/b/kesl-container"], "12", &oci),
            ("registry.example:5000/kesl-container", &["registry.example:5000/kesl-container"], "", &oci),
            ("localhost/kesl-container:latest", &["localhost/kesl-container"], "latest", &oci),
            ("<none>:<none>", &[], "", ""),
        ];
        for (text, forms, tag, purl) in cases {
            let reference = Reference::of(text);
            assert_eq!(reference.forms(), forms, "{text}");
            assert_eq!(reference.tag, tag, "{text}");
            assert_eq!(reference.purl(&manifest).unwrap_or_default(), purl, "{text}");
        }
        assert_eq!(Reference::of("registry.example/x:1").purl(""), None);
    }

    #[test]
    fn digests_are_told_from_names() {
        let hex = "0a".repeat(32);
        let full = format!("sha256:{hex}");
        assert_eq!(Reference::of(&full), Reference { digest: full.clone(), ..Reference::default() });
        assert_eq!(digest(&hex), Some(full.clone()));
        let both = Reference::of(&format!("malice/kaspersky:1@{full}"));
        assert_eq!((both.tag.as_str(), both.digest.as_str()), ("1", full.as_str()));
        assert_eq!(Reference::of(&format!("registry.example/x@{full}")).purl(""), Some(format!("pkg:oci/x@{full}")));
        assert_eq!(digest("sha256:0a"), None);
    }
}
