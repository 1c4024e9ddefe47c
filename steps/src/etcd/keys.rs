//! Counts objects by their keys in etcd, as the API server names them: `/registry/RESOURCE/...`, and `/registry/GROUP/RESOURCE/...` for groups with a dot.

use std::collections::BTreeMap;

/// Keys asked for at once; etcd reads their values too, and sends none.
pub(super) const KEYS_AT_ONCE: i64 = 1000;

/// A count under way, page by page.
pub(super) struct Count {
    after: i64,
    next: Option<Vec<u8>>,
    found: BTreeMap<String, u64>,
}

impl Count {
    /// Counts what was changed after a revision.
    pub(super) fn after(revision: i64) -> Self {
        Self { after: revision, next: Some(vec![0]), found: BTreeMap::new() }
    }

    /// Returns where the next page begins; none at the end.
    pub(super) fn next_key(&self) -> Option<Vec<u8>> {
        self.next.clone()
    }

    /// Takes a page: keys and the revisions of their last changes.
    pub(super) fn page(&mut self, keys: impl Iterator<Item = (Vec<u8>, i64)>, more: bool) {
        self.next = None;
        for (mut key, changed) in keys {
            if changed > self.after {
                *self.found.entry(resource(&String::from_utf8_lossy(&key))).or_default() += 1;
            }
            // The first key behind this one.
            key.push(0);
            self.next = more.then_some(key);
        }
    }

    pub(super) fn by_resource(self) -> BTreeMap<String, u64> {
        self.found
    }
}

fn resource(key: &str) -> String {
    let mut parts = key.split('/').filter(|part| !part.is_empty()).skip(1);
    match (parts.next(), parts.next()) {
        (Some(group), Some(resource)) if group.contains('.') => format!("{resource}.{group}"),
        // Nodes were called so once (k8s.io/kubernetes: pkg/registry/core/rest/storage_core.go).
        (Some("minions"), _) => "nodes".to_owned(),
        (Some(resource), _) => resource.to_owned(),
        (None, _) => "other keys".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_later_is_counted_over_all_pages() {
        let mut count = Count::after(10);
        assert_eq!(count.next_key(), Some(vec![0]));
        let key = |key: &str, changed| (key.as_bytes().to_vec(), changed);
        let first = [key("/registry/configmaps/a/x", 11), key("/registry/configmaps/a/y", 10)];
        count.page(first.into_iter(), true);
        assert_eq!(count.next_key(), Some(b"/registry/configmaps/a/y\0".to_vec()));
        let second = [key("/registry/cilium.io/ciliumnodes/n", 12), key("compact_rev_key", 99)];
        count.page(second.into_iter(), false);
        assert_eq!(count.next_key(), None);
        let found = [("ciliumnodes.cilium.io", 1), ("configmaps", 1), ("other keys", 1)];
        let found = found.map(|(name, n)| (name.to_owned(), n));
        assert_eq!(count.by_resource(), found.into());
    }
}
