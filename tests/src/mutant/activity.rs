//! The guards of the plan, the activities and the way back, missed by the walks.

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "serial",
        guard: "control planes being replaced one at a time",
        file: "steps/src/planner.rs",
        from: "wave(\"control-plane\", 1, static_pods)",
        to: "wave(\"control-plane\", 3, static_pods)",
        tests: "-p kup-tests --test it walk::a_run_with_stages",
    },
    Mutant {
        name: "others",
        guard: "the look whether another control plane is away",
        file: "steps/src/activity/call.rs",
        from: "    others::wait_for(cx, world, is_whole).await\n",
        to: "    let _ = (cx, world, is_whole);\n    Ok(())\n",
        tests: "-p kup-tests --test it seeds::two",
    },
    Mutant {
        name: "doubt",
        guard: "the doubt whether kubeadm whose outcome is unknown has done everything",
        file: "steps/src/activity/call.rs",
        from: "    let why = match (cx.attempt > 0, again(cx)) {",
        to: "    let why = match (cx.attempt > 99, again(cx)) {",
        tests: "-p kup-tests --test it walk::fail::a_command",
    },
    Mutant {
        name: "pre-image",
        guard: "the bytes of a pre-image",
        file: "steps/src/activity/pre_image.rs",
        from: "host.keep(&cx.run, &name, &reply.stdout)",
        to: "host.keep(&cx.run, &name, &[])",
        tests: "-p kup-tests --test it walk::back::a_run",
    },
    Mutant {
        name: "maps-back",
        guard: "the ConfigMaps going back",
        file: "steps/src/rollback/back.rs",
        from: "            self.when_served(node, maps);",
        to: "            drop(maps);",
        tests: "-p kup-tests --test it walk::back::a_run",
    },
    Mutant {
        name: "dpkg",
        guard: "the look whether dpkg was interrupted",
        file: "steps/src/activity/packages.rs",
        from: "state.interrupted(&names) {",
        to: "state.interrupted(&names).filter(|_| false) {",
        tests: "-p kup-tests --test it walk::fail::a_command",
    },
    Mutant {
        name: "kubelet",
        guard: "the look whether the kubelet runs what is installed",
        file: "steps/src/activity/kubelet_restart.rs",
        from: "(_, false) => Found::Between { what, repairable: true },",
        to: "(_, false) => Found::After { what },",
        tests: "-p kup-tests --test it walk::fail::a_command",
    },
];
