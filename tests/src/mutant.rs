//! The guards that keep kup safe, and how to take each away: `bin/mutants` builds kup without one of them at a time and expects some test to fail. A
//! test of the suites checks that every text below still stands in its file exactly once.

use thiserror::Error;

/// A guard and how to take it away.
#[derive(Debug)]
pub struct Mutant {
    /// Its name, for the command line.
    pub name: &'static str,
    /// The guard, in words that follow "without".
    pub guard: &'static str,
    /// Where it stands.
    pub file: &'static str,
    /// Its text, which stands in the file once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
    /// The arguments of `cargo test` for the tests that should notice.
    pub tests: &'static str,
}

/// Says that a mutant does not fit its file any more.
#[derive(Debug, Error)]
#[error("the text of the mutant `{name}` stands {times} times in {file}, not once")]
pub struct Outdated {
    name: &'static str,
    file: &'static str,
    times: usize,
}

impl Mutant {
    /// Returns the file's text without the guard.
    ///
    /// # Errors
    /// [`Outdated`] when the guard's text does not stand there exactly once.
    pub fn apply(&self, text: &str) -> Result<String, Outdated> {
        match text.matches(self.from).count() {
            1 => Ok(text.replacen(self.from, self.to, 1)),
            times => Err(Outdated { name: self.name, file: self.file, times }),
        }
    }
}

/// All of them, from the journal up to the nodes.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "intent",
        guard: "the intent before an effect",
        file: "core/src/engine.rs",
        from: "                self.append(vec![Event::AttemptStarted(started)]).await?;\n                Doing::Execute",
        to: "                drop(started);\n                Doing::Execute",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "journal-first",
        guard: "the journal being written before its entries are believed",
        file: "core/src/engine.rs",
        from: "        let written = self.journal.append(entries).await.map_err(EngineError::Append)?;\n        self.state = next;",
        to: "        self.state = next;\n        let written = self.journal.append(entries).await.unwrap_or_default();",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "observe-lost",
        guard: "a look at the world after an attempt was lost",
        file: "core/src/state/step.rs",
        from: "            self.open = None;\n            self.state = StepState::Pending;\n        }\n        Ok(())\n    }\n\n    fn end(",
        to: "            self.open = None;\n            self.state = StepState::Observed(Found::Before { what: String::new() });\n        }\n        Ok(())\n    }\n\n    fn end(",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "settle",
        guard: "the question what became of an attempt, before its outcome is waited for",
        file: "core/src/decide.rs",
        from: "                None => Action::Settle,\n                Some(_) => Action::Attach,",
        to: "                None | Some(_) => Action::Attach,",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "undo-first",
        guard: "what an undo needs being kept before the first attempt",
        file: "core/src/decide.rs",
        from: "record.prepared.is_none() && step.undo_of.is_none()",
        to: "false",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "undo-first-fold",
        guard: "the fold refusing an attempt whose undo is not prepared",
        file: "core/src/state/step.rs",
        from: "if self.prepared.is_none() && !is_undo {",
        to: "if false && !is_undo {",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "gates",
        guard: "the gates before the first effect",
        file: "core/src/decide.rs",
        from: "    if let Some(decision) = gates(state) {",
        to: "    if let Some(decision) = gates(state).filter(|_| false) {",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "one-at-a-time",
        guard: "the limit of stages side by side",
        file: "core/src/decide.rs",
        from: "under_way >= wave.max_parallel as usize",
        to: "under_way >= usize::MAX",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "look-again",
        guard: "a resume looking at the world again",
        file: "core/src/state.rs",
        from: "                record.state = StepState::Pending;",
        to: "                record.looks = 0;",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "newer-journal",
        guard: "the refusal to go on with events of a newer kup",
        file: "core/src/engine.rs",
        from: "if let Some((seq, _)) = state.opaque.first() {",
        to: "if let Some((seq, _)) = state.opaque.first().filter(|_| false) {",
        tests: "-p kup-core --test it",
    },
    Mutant {
        name: "node-epoch",
        guard: "the node comparing the epoch of a start",
        file: "steps/src/node/attempt.sh",
        from: " || [ \"${owner_epoch:-0}\" -gt \"$epoch\" ]; then",
        to: "; then",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "node-owner",
        guard: "the node comparing the run of a start",
        file: "steps/src/node/attempt.sh",
        from: "[ \"$owner_run\" != \"$run\" ] || ",
        to: "",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "node-once",
        guard: "the intent on the node being made once",
        file: "steps/src/node/attempt.sh",
        from: "if ! ln \"$mine\" \"$base.intent\" 2>/dev/null; then",
        to: "if ! ln -f \"$mine\" \"$base.intent\" 2>/dev/null; then",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "node-intent-synced",
        guard: "the intent on the node being synced",
        file: "steps/src/node/attempt.sh",
        from: ">&8\nsync \"$mine\"\n",
        to: ">&8\n",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "node-exit-synced",
        guard: "the outcome on the node being synced",
        file: "steps/src/node/attempt.sh",
        from: "sync \"$base.exit.tmp\"\n",
        to: "",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "claim-epoch",
        guard: "the node refusing a claim of a lower epoch",
        file: "steps/src/node/claim.sh",
        from: "    [ \"$owner_epoch\" -le \"$epoch\" ] || refuse\n",
        to: "    :\n",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "keep-once",
        guard: "a pre-image being kept once",
        file: "steps/src/node/keep.sh",
        from: "if ! ln \"$temporary\" \"$folder/$name\" 2>/dev/null; then",
        to: "if ! ln -f \"$temporary\" \"$folder/$name\" 2>/dev/null; then",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "put-back",
        guard: "a lost manifest being put back before kubeadm is called",
        file: "steps/src/node/kubeadm-node.sh",
        from: "unpack \"$pre_image\"\nput_back_manifests\n",
        to: "unpack \"$pre_image\"\n",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "pairs",
        guard: "the check of key pairs",
        file: "steps/src/node/kubeadm-node.sh",
        from: "put_back_kubelet_files\nput_back_pairs\n",
        to: "put_back_kubelet_files\n",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "not-a-worker",
        guard: "the refusal to call kubeadm on a control plane without its API server",
        file: "steps/src/node/kubeadm-node.sh",
        from: "    exit 65\nfi\nwait_for_api",
        to: "fi\nwait_for_api",
        tests: "-p kup-tests --test it node_scripts",
    },
    Mutant {
        name: "right-cluster",
        guard: "the comparison of the cluster with that of the first event",
        file: "steps/src/world.rs",
        from: "if found.uid != expected.uid {",
        to: "if false {",
        tests: "-p kup-steps --lib world",
    },
    Mutant {
        name: "right-machine",
        guard: "the comparison of a machine with that of the first event",
        file: "steps/src/world.rs",
        from: "if machine_id != expected.machine_id {",
        to: "if false {",
        tests: "-p kup-steps --lib world",
    },
    Mutant {
        name: "own-cordon",
        guard: "only a cordon of this run being lifted",
        file: "steps/src/activity/uncordon.rs",
        from: "(true, _) => Found::Before { what: \"cordoned by this run\".to_owned() },",
        to: "(_, true) | (true, _) => Found::Before { what: \"cordoned by this run\".to_owned() },",
        tests: "-p kup-tests --test it sim_upgrade",
    },
];
