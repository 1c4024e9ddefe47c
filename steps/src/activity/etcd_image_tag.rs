//! Sets `etcd.local.imageTag` in `kubeadm-config`, or takes it away: with it kubeadm takes that etcd, without it kubeadm chooses.
//!
//! Changes: one line of one ConfigMap; every other byte stays. Half-way: it is there or not. Observe: the tag that kubeadm would read. Undo: the
//! tag that was there before.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};
use serde_yaml_ng::Value;

use super::config_maps;
use crate::cluster::ConfigMap;
use crate::world::{World, cluster_error};

const MAP: &str = "kubeadm-config";
const KEY: &str = "ClusterConfiguration";
/// Under this note stands the tag from before.
const BEFORE: &str = "tag";

/// The activity `etcd-image-tag`. Parameters: `tag` (empty for none).
pub struct EtcdImageTag(pub Arc<World>);

/// Returns the tag in a ClusterConfiguration.
pub(crate) fn image_tag(configuration: &str) -> Option<String> {
    let tag = local_etcd(configuration)?.get("imageTag")?.as_str()?.to_owned();
    (!tag.is_empty()).then_some(tag)
}

fn local_etcd(configuration: &str) -> Option<Value> {
    let value: Value = serde_yaml_ng::from_str(configuration).ok()?;
    value.get("etcd")?.get("local").cloned()
}

/// Returns the ClusterConfiguration with another tag, or without one; `None` where it is not written as kubeadm writes it.
fn with_tag(configuration: &str, tag: &str) -> Option<String> {
    let mut text = String::new();
    let mut place = "";
    for line in configuration.split_inclusive('\n') {
        let name = line.trim_end();
        if !line.starts_with(' ') {
            place = if name == "etcd:" { "etcd" } else { "" };
        } else if !line.starts_with("   ") && !place.is_empty() {
            place = if name == "  local:" { "local" } else { "etcd" };
        }
        if place == "local" && line.starts_with("    imageTag:") {
            continue;
        }
        text.push_str(line);
        if name == "  local:" && place == "local" && !tag.is_empty() {
            text.push_str(&format!("    imageTag: {tag}\n"));
        }
    }
    let wanted = (!tag.is_empty()).then(|| tag.to_owned());
    (local_etcd(&text).is_some() && image_tag(&text) == wanted).then_some(text)
}

impl EtcdImageTag {
    async fn read(&self) -> Result<ConfigMap, ActivityError> {
        let map = self.0.cluster().await?.config_map(MAP).await.map_err(|e| cluster_error(&e))?;
        map.ok_or_else(|| ActivityError::permanent(format!("there is no ConfigMap {MAP}")))
    }

    async fn set(&self, tag: &str) -> Result<Output, ActivityError> {
        let mut map = self.read().await?;
        let text = map.data.get(KEY).map_or("", String::as_str);
        let summary = match tag {
            "" => "kubeadm chooses etcd".to_owned(),
            tag => format!("kubeadm takes etcd {tag}"),
        };
        if image_tag(text).unwrap_or_default() == tag {
            return Ok(Output { summary, blob: None });
        }
        let Some(text) = with_tag(text, tag) else {
            return Err(ActivityError::permanent(format!(
                "etcd.local of {MAP} is not written as kubeadm writes it, so kup does not change it"
            )));
        };
        map.data.insert(KEY.to_owned(), text);
        let cluster = self.0.cluster().await?;
        let put = cluster.put_config_map(MAP, &map.data, Some(&map.resource_version)).await;
        put.map_err(|e| cluster_error(&e))?;
        Ok(Output { summary, blob: None })
    }
}

#[async_trait]
impl Activity for EtcdImageTag {
    fn name(&self) -> &'static str {
        "etcd-image-tag"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["tag"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let map = self.read().await?;
        let text = map.data.get(KEY).map_or("", String::as_str);
        if local_etcd(text).is_none() {
            return Ok(Found::Foreign { what: format!("{MAP} names no etcd of the nodes' own") });
        }
        let tag = image_tag(text).unwrap_or_default();
        let what = match tag.as_str() {
            "" => format!("{MAP} leaves the choice of etcd to kubeadm"),
            tag => format!("{MAP} names etcd {tag}"),
        };
        let before = cx.note(BEFORE);
        let is_before = match cx.step.undo_of {
            Some(_) => before.is_none_or(|before| before == tag),
            None => tag != cx.param("tag")?,
        };
        Ok(if is_before { Found::Before { what } } else { Found::After { what } })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let map = self.read().await?;
        let tag = image_tag(map.data.get(KEY).map_or("", String::as_str)).unwrap_or_default();
        let kept = config_maps::take(cx, self.0.cluster().await?).await?;
        Ok(Prepared { notes: vec![(BEFORE.to_owned(), tag)], backups: vec![kept] })
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.set(cx.param("tag")?).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::transient(what))
            }
        }
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.set(super::need_note(cx, BEFORE)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "apiServer: {}\netcd:\n  local:\n    dataDir: /var/lib/etcd\n    extraArgs:\n    - name: imageTag\n      value: \"1\"\nkind: ClusterConfiguration\n";

    #[test]
    fn a_tag_comes_and_goes_and_leaves_every_other_byte() {
        let tagged = with_tag(PLAIN, "3.5.26-0").unwrap();
        assert_eq!(image_tag(&tagged).as_deref(), Some("3.5.26-0"));
        let line = "    imageTag: 3.5.26-0\n";
        assert_eq!(tagged.replacen(line, "", 1), PLAIN);
        assert_eq!(with_tag(&tagged, "").unwrap(), PLAIN);
        let other = with_tag(&tagged, "3.5.32-0").unwrap();
        assert_eq!(image_tag(&other).as_deref(), Some("3.5.32-0"));
        assert_eq!(other.matches("    imageTag:").count(), 1);
    }

    #[test]
    fn what_kubeadm_would_not_write_is_left_alone() {
        for text in [
            "etcd: {local: {dataDir: /var/lib/etcd}}\n",
            "etcd:\n  external:\n    endpoints:\n    - https://10.0.0.9:2379\n",
            "apiServer: {}\n",
            "etcd:\n    local:\n        dataDir: /var/lib/etcd\n",
        ] {
            assert_eq!(with_tag(text, "3.5.26-0"), None, "{text}");
        }
    }
}
