//! A dry run of kubeadm says nothing of etcd; of its manifest the image is known.

use super::compare::unified;
use super::{Differences, MANIFESTS};
use crate::inventory::{Inventory, NodeInventory};
use crate::release;
use crate::version::{Version, image_minor};

/// Adds what becomes of a control plane's etcd, as far as that is known.
pub(super) fn manifest(
    found: &mut Differences,
    node: &NodeInventory,
    (inventory, to): (&Inventory, Version),
) {
    let image = node.control_plane.image("etcd");
    let Some(old) = node.survey.manifests.get("etcd") else { return };
    let path = format!("{MANIFESTS}etcd.yaml");
    let (Some((place, _)), Some(tag)) = (image.rsplit_once(':'), tag(inventory, to)) else {
        found.leave_out(node, &format!("{path}: which etcd comes with {to} is not known"));
        return;
    };
    let wanted = format!("{place}:{tag}");
    // kubeadm never takes etcd back.
    if image_minor(&wanted) >= image_minor(image) {
        found.add(Some(node), &path, unified(old, &old.replace(image, &wanted)));
    }
    found.leave_out(node, &format!("{path} beyond its image: kubeadm's dry run leaves etcd out"));
}

/// What `kubeadm-config` names comes before what kubeadm has by itself.
fn tag(inventory: &Inventory, to: Version) -> Option<String> {
    let maps = inventory.survey.config_maps.as_ref().ok();
    let text = maps.and_then(|maps| maps.get("kubeadm-config")?.get("ClusterConfiguration"));
    let named = text.and_then(|text| {
        let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).ok()?;
        value.get("etcd")?.get("local")?.get("imageTag")?.as_str().map(str::to_owned)
    });
    named.filter(|tag| !tag.is_empty()).or_else(|| Some(release::images(to)?.etcd.clone()))
}
