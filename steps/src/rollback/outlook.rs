//! Whether there will be a way back, told before anything is changed. Pure.

use super::downgrade::goes_online;
use crate::inventory::Inventory;
use crate::release;
use crate::version::{Version, image_minor, tag_of};

/// The way back out of a hop, once the hop is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// Files, objects and packages can go back.
    Files {
        /// The release that the run began with.
        to: Version,
    },
    /// Only a restored snapshot of etcd leads back.
    Restore {
        /// The release that the run began with.
        to: Version,
        /// Why nothing else does.
        why: String,
    },
    /// Nothing goes back from here.
    None {
        /// Why not.
        why: String,
    },
}

/// Says of every hop, with or without an etcdutl that can restore its snapshot, whether `kup rollback` will be possible once the first control plane is done with it.
#[must_use]
pub fn outlook(
    inventory: &Inventory,
    from: Version,
    (hops, can_restore): (&[Version], bool),
) -> Vec<Outlook> {
    let before = etcd_now(inventory);
    hops.iter().map(|hop| of_hop(*hop, from, (before.as_deref(), can_restore))).collect()
}

fn of_hop(
    hop: Version,
    from: Version,
    (etcd_before, can_restore): (Option<&str>, bool),
) -> Outlook {
    if hop.minor > from.minor + 1 {
        let why = format!(
            "{hop} is more than one minor above {from}: Kubernetes does not go back that far"
        );
        return Outlook::None { why };
    }
    let after = release::images(hop).map(|images| format!("etcd:{}", images.etcd));
    let (Some(before), Some(after)) = (etcd_before, after) else {
        return Outlook::Files { to: from };
    };
    // kubeadm never takes etcd to an older version.
    if image_minor(&after) <= image_minor(before) {
        return Outlook::Files { to: from };
    }
    let (old, new) = (tag_of(before).unwrap_or(before), tag_of(&after).unwrap_or(&after));
    let why = format!(
        "etcd goes from {old} to {new}, and an older one does not read what a newer one has written"
    );
    let experiment = match goes_online(&after, before) {
        true => {
            "; `kup rollback RUN --experimental-etcd-downgrade` takes etcd down while it runs (R2), tried in kup's simulated cluster only"
        }
        false => "",
    };
    match can_restore {
        true => Outlook::Restore { to: from, why },
        false => Outlook::None {
            why: format!(
                "{why}: only a restored snapshot leads back, and no etcdutl is laid ready for that (--etcdutl FILE){experiment}"
            ),
        },
    }
}

/// Returns the image of a stacked etcd; kubeadm leaves an external one alone.
fn etcd_now(inventory: &Inventory) -> Option<String> {
    let images = inventory.nodes.iter().map(|node| node.control_plane.image("etcd").to_owned());
    images.filter(|image| !image.is_empty()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hop: &str, from: &str, etcd: Option<&str>) -> Outlook {
        of_hop(hop.parse().unwrap(), from.parse().unwrap(), (etcd, false))
    }

    #[test]
    fn the_way_back_ends_where_the_minor_of_etcd_changes_or_two_minors_lie_between() {
        let files = Outlook::Files { to: "v1.35.6".parse().unwrap() };
        assert_eq!(of("v1.36.2", "v1.35.6", Some("registry.k8s.io/etcd:3.6.6-0")), files);
        assert_eq!(of("v1.35.9", "v1.35.6", Some("registry.k8s.io/etcd:3.6.6-0")), files);
        assert_eq!(of("v1.36.2", "v1.35.6", None), files, "an external etcd stays as it is");
        let gone = |outlook: Outlook, reason: &str| match outlook {
            Outlook::None { why } => assert!(why.contains(reason), "{why}"),
            Outlook::Files { .. } | Outlook::Restore { .. } => {
                panic!("there is no way back: {reason}")
            }
        };
        let three_five = Some("registry.k8s.io/etcd:3.5.24-0");
        gone(of("v1.34.1", "v1.33.4", three_five), "etcd goes from 3.5.24-0 to 3.6");
        let staged =
            of_hop("v1.34.1".parse().unwrap(), "v1.33.4".parse().unwrap(), (three_five, true));
        assert!(matches!(staged, Outlook::Restore { .. }), "{staged:?}");
        gone(of("v1.34.1", "v1.33.4", three_five), "--experimental-etcd-downgrade");
        let Outlook::None { why } = of("v1.22.1", "v1.21.4", Some("registry.k8s.io/etcd:3.4.13-0"))
        else {
            panic!("no etcd goes down to 3.4 while it runs")
        };
        assert!(!why.contains("experimental"), "{why}");
        gone(of("v1.37.0", "v1.35.6", Some("registry.k8s.io/etcd:3.6.6-0")), "one minor");
    }
}
