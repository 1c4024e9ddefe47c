//! Answers as etcd 3.4, 3.5 and 3.6 give them through the gateway, and as etcdctl gives them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;
use crate::host::Reply;

/// Of etcd 3.5.24, one member that was added and never started.
const MEMBERS: &str = r#"{"header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","raft_term":"2"},
"members":[{"ID":"10276657743932975437","name":"cp1","peerURLs":["https://10.0.0.1:2380"],"clientURLs":["https://10.0.0.1:2379"]},
{"ID":"17","peerURLs":["https://10.0.0.2:2380"],"isLearner":true}]}"#;
const STATUS: &str = r#"{"header":{"cluster_id":"1","member_id":"10276657743932975437","revision":"5","raft_term":"2"},"version":"3.5.24",
"dbSize":"20480","leader":"10276657743932975437","raftIndex":"8","raftTerm":"2","raftAppliedIndex":"8","dbSizeInUse":"16384"}"#;
const ALARMS: &str =
    r#"{"header":{},"alarms":[{"memberID":"10276657743932975437","alarm":"NOSPACE"}]}"#;
const ENDPOINT: &str = "https://10.0.0.1:2379";

fn lines(pairs: &[(&str, &str)]) -> Lines {
    let text: String = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let reply = Reply { status: 0, stdout: text.into(), stderr: String::new() };
    Lines::read("cp1".to_owned(), "etcd", &reply).unwrap()
}

fn encoded(text: &str) -> String {
    BASE64.encode(text)
}

fn read(members: &str, alarms: &str, status: &str) -> EtcdSurvey {
    let (members, alarms, status) = (encoded(members), encoded(alarms), encoded(status));
    let listed = [("kind", "stacked"), ("members", members.as_str()), ("alarms", &alarms)];
    let mut survey = EtcdSurvey::listed(&lines(&listed)).unwrap();
    survey.hear(&lines(&[("quota", ""), (&format!("status:{ENDPOINT}"), &status)]));
    survey
}

#[test]
fn members_their_health_and_alarms_are_read() {
    let survey = read(MEMBERS, ALARMS, STATUS);
    assert_eq!(survey.kind, EtcdKind::Stacked);
    assert_eq!(survey.alarms, ["NOSPACE on cp1"]);
    let [first, second] = survey.members.as_slice() else { panic!("{survey:?}") };
    assert_eq!((first.name.as_str(), first.id.as_str()), ("cp1", "8e9e05c52164694d"));
    let status = first.status.as_ref().unwrap();
    assert_eq!(
        (status.version.as_str(), status.db_size, status.db_in_use),
        ("3.5.24", 20480, 16384)
    );
    assert_eq!((status.leader.as_str(), status.quota), (first.id.as_str(), 2 << 30));
    assert!(second.is_learner && second.endpoint.is_empty() && second.status.is_err());
}

#[test]
fn etcdctl_says_the_same_in_numbers() {
    let members = MEMBERS.replace("\"10276657743932975437\"", "10276657743932975437");
    let alarms = r#"{"header":{},"alarms":[{"memberID":10276657743932975437,"alarm":1}]}"#;
    let status = STATUS.replace("\"10276657743932975437\"", "10276657743932975437");
    let status = status.replace("\"20480\"", "20480").replace("\"16384\"", "16384");
    let status = format!(r#"[{{"Endpoint":"{ENDPOINT}","Status":{status}}}]"#);
    assert_eq!(read(&members, alarms, &status), read(MEMBERS, ALARMS, STATUS));
}

#[test]
fn a_members_own_quota_goes_before_the_manifests_and_that_before_the_default() {
    let quota = |manifest: &str, status: &str| {
        let members = encoded(MEMBERS);
        let listed =
            [("kind", "external"), ("members", members.as_str()), ("no_alarms", "timeout")];
        let mut survey = EtcdSurvey::listed(&lines(&listed)).unwrap();
        assert_eq!(survey.alarms, ["the list of alarms cannot be read: timeout"]);
        survey.hear(&lines(&[
            ("quota", manifest),
            (&format!("status:{ENDPOINT}"), &encoded(status)),
        ]));
        survey.members[0].status.as_ref().unwrap().quota
    };
    assert_eq!(quota("", STATUS), 2 << 30);
    assert_eq!(quota("8589934592", STATUS), 8 << 30);
    let own = STATUS.replace("\"version\"", "\"dbSizeQuota\":\"4294967296\",\"version\"");
    assert_eq!(quota("8589934592", &own), 4 << 30);
}

#[test]
fn a_member_that_is_silent_says_why_and_nothing_is_asked_of_what_is_no_endpoint() {
    let members = encoded(MEMBERS);
    let listed = [("kind", "external"), ("members", members.as_str()), ("no_alarms", "")];
    let mut survey = EtcdSurvey::listed(&lines(&listed)).unwrap();
    survey.hear(&lines(&[("quota", ""), (&format!("silent:{ENDPOINT}"), "connection refused")]));
    assert_eq!(survey.members[0].status, Err("connection refused".to_owned()));
    survey.hear(&lines(&[("quota", "")]));
    assert!(survey.members[0].status.is_err(), "an answer that is missing is no health");
    for wrong in ["", "-o", "file:///etc/passwd", "https://a b", "https://a=b"] {
        assert!(!is_endpoint(wrong), "{wrong}");
    }
}

#[test]
fn what_nobody_could_tell_is_said() {
    let why = EtcdSurvey::listed(&lines(&[("unknown", "there is no curl")])).unwrap_err();
    assert_eq!(why, "there is no curl");
    let members = encoded("<html>");
    let listed = [("kind", "stacked"), ("members", members.as_str()), ("no_alarms", "")];
    assert!(EtcdSurvey::listed(&lines(&listed)).unwrap_err().contains("makes no sense"));
}
