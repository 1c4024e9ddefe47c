//! What is compared, and what nobody sees of it.

use super::*;

fn value(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

/// The lines that change.
fn changed(diff: &str) -> Vec<&str> {
    diff.lines().filter(|line| line.starts_with(['+', '-'])).collect()
}

#[test]
fn of_an_object_is_compared_what_kubeadm_says_of_it() {
    let old = value(
        "kind: DaemonSet\nmetadata: {name: p, uid: u, resourceVersion: '7'}\nspec:\n  template:\n    containers:\n    - name: p\n      image: p:1\n      terminationMessagePath: /dev/x\nstatus: {n: 1}\n",
    );
    let new = value(
        "kind: DaemonSet\nmetadata: {name: p, creationTimestamp: null, resourceVersion: '0'}\nspec:\n  template:\n    containers:\n    - name: p\n      image: p:2\n      resources: {}\nstatus: {n: 0}\n",
    );
    assert_eq!(changed(&of_objects(Some(&old), &new)), ["-      image: p:1", "+      image: p:2"]);
    assert_eq!(of_objects(Some(&old), &old), "");
    assert!(of_objects(None, &new).contains("+kind: DaemonSet\n"));
}

#[test]
fn neither_order_nor_comments_are_changes_of_a_kubelet() {
    assert_eq!(of_kubelet("# mine\na: 1\nb: 2\n", "b: 2\na: 1\n"), "");
    assert_eq!(changed(&of_kubelet("b: 2\na: 1\n", "a: 1\nb: 3\n")), ["-b: 2", "+b: 3"]);
}

#[test]
fn what_the_machine_says_itself_stays() {
    let cluster = "a: 2\ncontainerRuntimeEndpoint: ''\nresolvConf: /etc/resolv.conf\n";
    let machine = "a: 1\ncontainerRuntimeEndpoint: unix:///mine\nresolvConf: /run/mine\n";
    let diff = of_kubelet(machine, &on_the_machine(cluster, machine));
    assert_eq!(changed(&diff), ["-a: 1", "+a: 2"]);
    let diff = of_kubelet("a: 2\n", &on_the_machine("a: 2\nresolvConf: /x\n", "a: 2\n"));
    assert_eq!(changed(&diff), ["+resolvConf: /x"]);
}

#[test]
fn nobody_sees_a_secret() {
    let secrets = "    - --oidc-client-secret=hush\n    - name: DB_PASSWORD\n      value: hush\n      password: 'hush'\n  env:\n  - name: https_proxy\n    value: http://me:hush@proxy:3128\n";
    let diff = unified(secrets, "");
    assert!(!diff.contains("hush") && !diff.contains("//me"), "{diff}");
    assert_eq!(diff.matches(HIDDEN).count(), 4, "{diff}");
    assert!(diff.contains("@proxy:3128"), "{diff}");
}

#[test]
fn what_is_no_secret_is_shown_as_it_is() {
    let text = "    - --token-auth-file=/etc/tokens\n    - --enable-bootstrap-token-auth=true\n    secretName: certs\n    automountServiceAccountToken: false\n    - name: GOGC\n      value: '50'\n    clusterDNS: https://a.b/c\n";
    assert_eq!(concealed(text), text);
}
