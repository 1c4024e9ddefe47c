//! The plugins in a Corefile, as kubeadm's preflight looks at them.

/// What the migration library that kubeadm contains knows (coredns/corefile-migration, `versions.go`).
const KNOWN: [&str; 17] = [
    "errors",
    "log",
    "health",
    "ready",
    "autopath",
    "kubernetes",
    "k8s_external",
    "prometheus",
    "proxy",
    "forward",
    "cache",
    "loop",
    "reload",
    "loadbalance",
    "hosts",
    "rewrite",
    "transfer",
];

/// Returns the plugins that kubeadm does not know, each once. A plugin stands first on its line, inside a server block and in no plugin's own.
pub(super) fn unknown_plugins(corefile: &str) -> Vec<String> {
    let mut unknown: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for line in corefile.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let first = line.split_whitespace().next().unwrap_or_default();
        let is_plugin = depth == 1 && first != "}" && !first.is_empty();
        if is_plugin && !KNOWN.contains(&first) && !unknown.iter().any(|it| it == first) {
            unknown.push(first.to_owned());
        }
        if line.ends_with('{') {
            depth += 1;
        }
        if line == "}" {
            depth = depth.saturating_sub(1);
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::unknown_plugins;

    #[test]
    fn only_what_stands_in_a_server_block_is_a_plugin() {
        let corefile = ".:53 {\n    errors # all of them\n    kubernetes cluster.local {\n       pods insecure\n    }\n    \
                        template IN A {\n       answer x\n    }\n    # dnssec\n    cache 30\n}\nexample.org {\n    dnssec\n    template\n}\n";
        assert_eq!(unknown_plugins(corefile), ["template", "dnssec"]);
        assert!(unknown_plugins("").is_empty());
    }
}
