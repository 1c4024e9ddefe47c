use super::*;

fn version() -> Version {
    Version { major: 1, minor: 36, patch: 2 }
}

fn line(options: &KubeadmOptions, verb: Verb, part: Part) -> String {
    options.call(verb, part, version()).args.join(" ")
}

/// Everything that can be given, but no file.
fn all() -> KubeadmOptions {
    KubeadmOptions {
        keep_certificates: true,
        patches: Some("/etc/patches".to_owned()),
        ignore_preflight_errors: vec!["Swap".to_owned(), "NumCPU".to_owned()],
        force: true,
        skip_addons: [Addon::KubeProxy].into(),
        ..KubeadmOptions::default()
    }
}

#[test]
fn without_options_calls_are_those_of_the_recorded_upgrade() {
    let plain = KubeadmOptions::default();
    for (part, wanted) in [
        (Part::Preflight, "upgrade apply phase preflight v1.36.2 -y"),
        (Part::ControlPlane, "upgrade apply phase control-plane v1.36.2 --etcd-upgrade=false"),
        (Part::Etcd, "upgrade apply phase control-plane v1.36.2 --etcd-upgrade=true"),
        (Part::UploadConfig, "upgrade apply phase upload-config all v1.36.2"),
        (Part::KubeletConfig, "upgrade apply phase kubelet-config v1.36.2"),
        (Part::BootstrapToken, "upgrade apply phase bootstrap-token v1.36.2"),
        (Part::Addons, "upgrade apply phase addon all v1.36.2"),
        (Part::PostUpgrade, "upgrade apply phase post-upgrade v1.36.2"),
        (
            Part::Closing,
            "upgrade apply v1.36.2 -y --etcd-upgrade=false --certificate-renewal=false",
        ),
    ] {
        assert_eq!(line(&plain, Verb::Apply, part), wanted);
    }
    for (part, wanted) in [
        (Part::Preflight, "upgrade node phase preflight"),
        (Part::ControlPlane, "upgrade node phase control-plane --etcd-upgrade=false"),
        (Part::KubeletConfig, "upgrade node phase kubelet-config"),
        (Part::Closing, "upgrade node --etcd-upgrade=false --certificate-renewal=false"),
    ] {
        assert_eq!(line(&plain, Verb::Node, part), wanted);
    }
}

#[test]
fn every_option_reaches_the_calls_that_take_it_and_no_other() {
    let ignore = "--ignore-preflight-errors=Swap,NumCPU";
    for (verb, part, wanted) in [
        (
            Verb::Apply,
            Part::Preflight,
            format!("upgrade apply phase preflight v1.36.2 {ignore} -y --force"),
        ),
        (Verb::Node, Part::Preflight, format!("upgrade node phase preflight {ignore}")),
        (
            Verb::Apply,
            Part::ControlPlane,
            "upgrade apply phase control-plane v1.36.2 --etcd-upgrade=false \
             --certificate-renewal=false --patches=/etc/patches"
                .to_owned(),
        ),
        (
            Verb::Node,
            Part::Etcd,
            "upgrade node phase control-plane --etcd-upgrade=true --certificate-renewal=false \
             --patches=/etc/patches"
                .to_owned(),
        ),
        (
            Verb::Apply,
            Part::UploadConfig,
            "upgrade apply phase upload-config all v1.36.2".to_owned(),
        ),
        (
            Verb::Node,
            Part::KubeletConfig,
            "upgrade node phase kubelet-config --patches=/etc/patches".to_owned(),
        ),
        (
            Verb::Apply,
            Part::Addons,
            "upgrade apply phase addon coredns v1.36.2 --patches=/etc/patches".to_owned(),
        ),
        (
            Verb::Apply,
            Part::Closing,
            format!(
                "upgrade apply v1.36.2 {ignore} --skip-phases=addon/kube-proxy -y --force \
                 --etcd-upgrade=false --certificate-renewal=false --patches=/etc/patches"
            ),
        ),
        (
            Verb::Node,
            Part::Closing,
            format!(
                "upgrade node {ignore} --skip-phases=addon/kube-proxy --etcd-upgrade=false \
                 --certificate-renewal=false --patches=/etc/patches"
            ),
        ),
    ] {
        assert_eq!(line(&all(), verb, part), wanted);
    }
}

#[test]
fn kube_proxy_alone_is_called_without_patches() {
    let options = KubeadmOptions { skip_addons: [Addon::CoreDns].into(), ..all() };
    let wanted = "upgrade apply phase addon kube-proxy v1.36.2";
    assert_eq!(line(&options, Verb::Apply, Part::Addons), wanted);
}

#[test]
fn whole_commands_before_the_phases_get_their_flags() {
    let flags = all().whole_flags(Verb::Apply);
    assert_eq!(
        flags,
        [
            "--ignore-preflight-errors=Swap,NumCPU",
            "--force",
            "--certificate-renewal=false",
            "--patches=/etc/patches"
        ]
    );
    let flags = all().whole_flags(Verb::Node);
    assert!(!flags.contains(&"--force".to_owned()), "{flags:?}");
}

#[test]
fn with_a_file_everything_that_it_can_say_stands_in_it() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\n\
                timeouts:\n  upgradeManifests: 10m0s\n";
    let options = KubeadmOptions { config: Some(UpgradeConfig::parse(text).unwrap()), ..all() };
    let call = options.call(Verb::Apply, Part::ControlPlane, version());
    assert_eq!(call.args.join(" "), "upgrade apply phase control-plane v1.36.2");
    for wanted in [
        "upgradeManifests: 10m0s",
        "etcdUpgrade: false",
        "certificateRenewal: false",
        "directory: /etc/patches",
        "forceUpgrade: true",
        "kubernetesVersion: v1.36.2",
    ] {
        assert!(call.config.contains(wanted), "{wanted}:\n{}", call.config);
    }
    let closing = options.call(Verb::Node, Part::Closing, version());
    assert_eq!(
        closing.args.join(" "),
        "upgrade node --ignore-preflight-errors=Swap,NumCPU --skip-phases=addon/kube-proxy"
    );
    assert!(closing.config.contains("etcdUpgrade: false"), "{}", closing.config);
}
