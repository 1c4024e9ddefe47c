//! The guards of `kup doctor --repair`, the one thing that takes an acknowledged entry off a journal.

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "repair-last",
        guard: "only a journal's last entry being set aside",
        file: "store/src/damage.rs",
        from: "        return Err(Irreparable::Middle);\n",
        to: "",
        tests: "-p kup-tests --test it doctor",
    },
    Mutant {
        name: "repair-intact",
        guard: "an entry whose checksums fit staying where it is",
        file: "store/src/damage.rs",
        from: "                false => Err(Irreparable::Intact),\n",
        to: "                false => Ok(()),\n",
        tests: "-p kup-tests --test it doctor",
    },
    Mutant {
        name: "repair-asks",
        guard: "the nodes being asked before an entry is set aside",
        file: "cli/src/command/doctor/repair.rs",
        from: "    must_be_without_trace(run, &repair, (&answers, state.epoch))?;\n",
        to: "",
        tests: "-p kup-tests --test it doctor",
    },
    Mutant {
        name: "repair-right-machine",
        guard: "the machine that is asked being the run's",
        file: "steps/src/leftover.rs",
        from: "    same_machine(machine, (&facts.machine_id, &facts.host_key.unwrap_or_default()))?;\n",
        to: "",
        tests: "-p kup-tests --test it doctor",
    },
];
