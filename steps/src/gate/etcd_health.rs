//! Is etcd whole: every member started, voting and answering, one leader, no alarm, room in its store?

use std::collections::{BTreeMap, BTreeSet};

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::etcd::{EtcdKind, EtcdMember, EtcdStatus, EtcdSurvey};
use crate::inventory::Inventory;
use crate::planner::standing;

pub(super) const ABOUT: About = About {
    code: "K105",
    name: "etcd-healthy",
    question: "Is etcd whole: every member started, voting and answering, one leader, one version, no alarm, and room in its store?",
    why: "Every control plane's member is away for a while in its turn: one that was lost before costs the quorum then (etcd operations guide); a member that is full refuses all writes (NOSPACE), one with alarm CORRUPT has lost data.",
    remedy: "on a control plane, with ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY of /etc/kubernetes/pki/etcd: `etcdctl member list -w table`, `etcdctl endpoint status --cluster -w table`, `etcdctl alarm list`",
    overruling: Overruling::Allowed,
};

/// How much of the quota may be in use: what is written during an upgrade must still fit.
const FULL_PERCENT: u64 = 80;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let etcd = match &question.inventory.etcd {
        Ok(etcd) => etcd,
        Err(why) => {
            findings.unread("how etcd is", why);
            return findings.verdict("");
        }
    };
    for member in &etcd.members {
        let is_back = comes_back(question.inventory, member);
        if is_back {
            let told = format!("member {} does not answer: its manifest is gone", member.name);
            findings.warn(told, "nothing to do: the run puts kubeadm's copy of it back before anything else, and waits for it");
        } else {
            one(member, &mut findings);
        }
    }
    for alarm in &etcd.alarms {
        findings.block(format!("etcd has an alarm: {alarm}"), remedy_of(alarm));
    }
    leaders(etcd, &mut findings);
    versions(question, etcd, &mut findings);
    quorum(question.inventory, etcd, &mut findings);
    findings.verdict(fine(etcd))
}

/// Whether a member is away only until the run puts its manifest back. Control planes are replaced one at a time, each when all others serve.
fn comes_back(inventory: &Inventory, member: &EtcdMember) -> bool {
    let node = inventory.nodes.iter().find(|node| node.node.name == member.name);
    member.status.is_err() && node.is_some_and(|node| standing(inventory).brings_etcd_back(node))
}

fn fine(etcd: &EtcdSurvey) -> String {
    let n_members = etcd.members.len();
    match etcd.kind {
        EtcdKind::Stacked => {
            format!("all {n_members} members of etcd answer and follow one leader")
        }
        EtcdKind::External => format!(
            "etcd is external, kup leaves it as it is; all {n_members} members answer and follow one leader"
        ),
    }
}

fn called(member: &EtcdMember) -> String {
    if member.name.is_empty() { member.id.clone() } else { member.name.clone() }
}

fn one(member: &EtcdMember, findings: &mut Findings) {
    let (name, id) = (called(member), &member.id);
    if member.name.is_empty() {
        let remedy = format!("start it, or take it out of the list: `etcdctl member remove {id}`");
        return findings.block(format!("member {id} was added and never started"), remedy);
    }
    if member.is_learner {
        let remedy = format!(
            "`etcdctl member promote {id}` once it has caught up, or `etcdctl member remove {id}`"
        );
        findings.block(format!("member {name} is a learner: it does not vote"), remedy);
    }
    match &member.status {
        Err(why) => {
            let remedy = format!(
                "see why on {name}: `crictl logs $(crictl ps -a --name etcd -q | head -n 1)`; a machine that is gone for good: `etcdctl member remove {id}`"
            );
            findings.block(format!("member {name} does not answer: {why}"), remedy);
        }
        Ok(status) => room(&name, status, findings),
    }
}

fn room(name: &str, status: &EtcdStatus, findings: &mut Findings) {
    let used = status.db_size.saturating_mul(100).checked_div(status.quota).unwrap_or(0);
    if used > FULL_PERCENT {
        let mib = |bytes: u64| bytes >> 20;
        let told = format!(
            "the store of member {name} fills {used} % of its quota ({} of {} MiB, {} in use)",
            mib(status.db_size),
            mib(status.quota),
            mib(status.db_in_use)
        );
        findings.block(told, "compact and defragment, one member at a time, the leader last: `etcdctl compact REVISION`, `etcdctl defrag --endpoints ENDPOINT`; or raise --quota-backend-bytes in etcd.local.extraArgs of kubeadm-config and /etc/kubernetes/manifests/etcd.yaml");
    }
    for error in &status.errors {
        findings.warn(format!("member {name} complains: {error}"), ABOUT.remedy);
    }
}

fn remedy_of(alarm: &str) -> String {
    if alarm.contains("CORRUPT") {
        "take the corrupt member out and let it join anew: `etcdctl member remove ID`, empty its data directory, `kubeadm join phase control-plane-join etcd`; never upgrade over it".to_owned()
    } else {
        "make room, then disarm it: `etcdctl compact REVISION`, `etcdctl defrag --cluster`, `etcdctl alarm disarm`".to_owned()
    }
}

fn answers(etcd: &EtcdSurvey) -> impl Iterator<Item = (&EtcdMember, &EtcdStatus)> {
    etcd.members.iter().filter_map(|member| Some((member, member.status.as_ref().ok()?)))
}

fn leaders(etcd: &EtcdSurvey, findings: &mut Findings) {
    let leaders: BTreeSet<&str> = answers(etcd).map(|(_, status)| status.leader.as_str()).collect();
    let remedy = "wait until one is elected: `etcdctl endpoint status --cluster -w table`; see the network between the control planes";
    let has_none = leaders.contains("");
    if has_none {
        let lost = answers(etcd).filter(|(_, status)| status.leader.is_empty());
        let lost: Vec<String> = lost.map(|(member, _)| called(member)).collect();
        findings.block(format!("no leader is known to {}", lost.join(", ")), remedy);
    } else if leaders.len() > 1 {
        findings.block(format!("the members follow {} leaders", leaders.len()), remedy);
    }
}

/// While an upgrade is half-way its members differ, and the plan that goes on with it mends that.
fn versions(question: &Question<'_>, etcd: &EtcdSurvey, findings: &mut Findings) {
    let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (member, status) in answers(etcd) {
        members.entry(&status.version).or_default().push(called(member));
    }
    if members.len() < 2 {
        return;
    }
    let told: Vec<String> = members
        .iter()
        .map(|(version, names)| format!("{version} on {}", names.join(", ")))
        .collect();
    let told = format!("the members run different versions: {}", told.join("; "));
    let unfinished = standing(question.inventory).unfinished;
    let minors: BTreeSet<Option<&str>> =
        members.keys().map(|version| version.rsplit_once('.').map(|(minor, _)| minor)).collect();
    if unfinished.is_some_and(|it| question.hops.contains(&it)) {
        findings.warn(
            told,
            "nothing to do: the run finishes the upgrade that was begun, member by member",
        );
    } else if minors.len() > 1 {
        findings.block(told, "bring the older members to the newer version first: on their control planes `kubeadm upgrade node`, one at a time");
    } else {
        findings.warn(
            told,
            "patches of one minor work together; this upgrade brings all to one version",
        );
    }
}

/// With one member away the others must still be more than half.
fn quorum(inventory: &Inventory, etcd: &EtcdSurvey, findings: &mut Findings) {
    let n_members = etcd.members.len();
    let serves = |it: &&EtcdMember| it.status.is_ok() || comes_back(inventory, it);
    let healthy = etcd.members.iter().filter(|it| !it.is_learner).filter(serves).count();
    if etcd.kind == EtcdKind::External || n_members < 2 {
        return;
    }
    let needed = n_members / 2 + 1;
    if healthy < needed + 1 {
        let told = format!(
            "{healthy} of {n_members} members are healthy, {needed} are needed: none may be away"
        );
        let remedy = "bring the missing members back first; of two members neither can be missed: add a third control plane with `kubeadm join --control-plane`, or accept that the API stands still while each restarts";
        if n_members == 2 && healthy == 2 {
            findings.warn(told, remedy);
        } else {
            findings.block(told, remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::etcd::{EtcdKind, EtcdMember, EtcdStatus};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn member(inventory: &mut Inventory, index: usize) -> &mut EtcdMember {
        &mut inventory.etcd.as_mut().unwrap().members[index]
    }

    fn status(inventory: &mut Inventory, index: usize) -> &mut EtcdStatus {
        member(inventory, index).status.as_mut().unwrap()
    }

    fn broken(breaking: impl Fn(&mut Inventory)) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        breaking(&mut inventory);
        inventory
    }

    #[test]
    fn a_member_that_cannot_be_missed_or_does_not_vote_blocks() {
        let silent = broken(|it| member(it, 1).status = Err("connection refused".to_owned()));
        blocks(ask(check, &silent, &TO), &["cp2 does not answer", "member remove a2", "2 of 3"]);
        let learner = broken(|it| member(it, 2).is_learner = true);
        blocks(ask(check, &learner, &TO), &["cp3 is a learner", "member promote a3"]);
        let unstarted = broken(|it| member(it, 2).name.clear());
        blocks(ask(check, &unstarted, &TO), &["member a3 was added and never started"]);
    }

    #[test]
    fn a_member_whose_manifest_the_run_puts_back_warns() {
        let mut inventory = broken(|it| {
            member(it, 2).status = Err("connection refused".to_owned());
            it.node_mut("cp3").control_plane.manifests.insert("etcd".to_owned(), None);
        });
        blocks(ask(check, &inventory, &TO), &["member cp3 does not answer", "2 of 3"]);
        let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
        inventory.node_mut("cp3").survey.kubeadm_leftovers.push(copies);
        warns(ask(check, &inventory, &TO), &["member cp3", "its manifest is gone", "waits for it"]);
        member(&mut inventory, 1).status = Err("connection refused".to_owned());
        blocks(ask(check, &inventory, &TO), &["member cp2 does not answer", "2 of 3"]);
    }

    #[test]
    fn no_leader_and_two_leaders_block() {
        let none = broken(|it| status(it, 0).leader.clear());
        blocks(ask(check, &none, &TO), &["no leader is known to cp1"]);
        let two = broken(|it| status(it, 0).leader = "a3".to_owned());
        blocks(ask(check, &two, &TO), &["2 leaders"]);
    }

    #[test]
    fn alarms_and_a_full_store_block_until_they_are_gone() {
        let mut inventory =
            broken(|it| it.etcd.as_mut().unwrap().alarms.push("NOSPACE on cp1".to_owned()));
        blocks(ask(check, &inventory, &TO), &["NOSPACE on cp1", "alarm disarm"]);
        inventory.etcd.as_mut().unwrap().alarms = vec!["CORRUPT on cp1".to_owned()];
        blocks(ask(check, &inventory, &TO), &["CORRUPT", "member remove"]);
        inventory.etcd.as_mut().unwrap().alarms.clear();
        status(&mut inventory, 1).db_size = 1700 << 20;
        blocks(ask(check, &inventory, &TO), &["member cp2 fills 83 %", "defrag"]);
        status(&mut inventory, 1).db_size = 1600 << 20;
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn different_minors_block_and_different_patches_warn() {
        let minors = broken(|it| status(it, 0).version = "3.5.24".to_owned());
        blocks(ask(check, &minors, &TO), &["3.5.24 on cp1", "kubeadm upgrade node"]);
        let patches = broken(|it| status(it, 0).version = "3.6.5".to_owned());
        warns(ask(check, &patches, &TO), &["3.6.5 on cp1"]);
    }

    #[test]
    fn the_members_of_an_upgrade_that_the_plan_finishes_may_differ() {
        let mut inventory = broken(|it| status(it, 0).version = "3.7.0".to_owned());
        let manifests = &mut inventory.node_mut("cp1").control_plane.manifests;
        let manifest = manifests.get_mut("kube-apiserver").unwrap().as_mut().unwrap();
        manifest.image = Some("registry.k8s.io/kube-apiserver:v1.36.2".to_owned());
        warns(ask(check, &inventory, &TO), &["3.7.0 on cp1", "nothing to do"]);
    }

    #[test]
    fn of_two_members_none_may_be_away_and_one_alone_is_for_another_gate() {
        warns(
            ask(check, &healthy(2, 1, "v1.35.6"), &TO),
            &["2 of 2 members", "third control plane"],
        );
        passes(ask(check, &healthy(1, 1, "v1.35.6"), &TO));
    }

    #[test]
    fn external_etcd_is_told_and_etcd_that_nobody_could_ask_warns() {
        let external = broken(|it| it.etcd.as_mut().unwrap().kind = EtcdKind::External);
        assert!(passes(ask(check, &external, &TO)).contains("external"));
        let unread = broken(|it| it.etcd = Err("no etcdctl".to_owned()));
        warns(ask(check, &unread, &TO), &["no etcdctl"]);
        let errors = broken(|it| status(it, 0).errors.push("memberID mismatch".to_owned()));
        warns(ask(check, &errors, &TO), &["member cp1 complains: memberID mismatch"]);
    }
}
