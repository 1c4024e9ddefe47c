//! Static pods of a simulated machine on their way back: the script `swap-back`, one component at a time.

use super::act::{Act, Reach, Then};
use super::agenda::sha256;
use super::files::{FileAct, put, read, unreadable};
use super::machine::{Machine, manifest_path};

/// How often the script looks for a new container before it gives up.
const LOOKS: u32 = 100;

/// Returns what the script `swap-back` does.
pub(super) fn acts(args: &[String]) -> Vec<Act> {
    let Some((preimage, words)) = args.split_first() else { return vec![Act::Exit(64)] };
    let mut parts = words.split(|word| word == "--").map(<[String]>::to_vec);
    let components = parts.next().unwrap_or_default();
    let (preimage, files) = (preimage.clone(), parts.next().unwrap_or_default());
    vec![Act::File(FileAct::SwapBack { preimage, components, files })]
}

pub(super) fn swap(
    machine: &Machine,
    reach: &mut Reach<'_>,
    preimage: &str,
    (components, files): (&[String], &[String]),
) -> Then {
    let kept = match read(reach.dir, &machine.name, preimage) {
        Ok(kept) => kept,
        Err(error) => return unreadable(reach, preimage, &error),
    };
    let back = |path: &str| match (kept.get(path), machine.files.get(path)) {
        (Some(old), now) if now != Some(old) => Some(put(path, old)),
        (None, Some(_)) => Some(Act::File(FileAct::Remove { path: path.to_owned() })),
        (Some(_), _) | (None, None) => None,
    };
    let broken = machine.pairs().into_iter().filter(|base| !machine.pair_matches(base));
    let pairs = broken.flat_map(|base| [format!("{base}.key"), format!("{base}.crt")]);
    let mut acts: Vec<Act> = pairs.filter_map(|path| Some(put(&path, kept.get(&path)?))).collect();
    for component in components {
        let path = manifest_path(component);
        if let Some(act) = back(&path) {
            acts.push(act);
            let wait = FileAct::AwaitPod { component: component.clone(), left: LOOKS };
            acts.extend(kept.contains_key(&path).then_some(Act::File(wait)));
        }
    }
    acts.extend(files.iter().filter_map(|path| back(path)));
    Then::First(acts)
}

pub(super) fn await_pod(
    machine: &Machine,
    reach: &mut Reach<'_>,
    component: &str,
    left: u32,
) -> Then {
    let hash = machine.text(&manifest_path(component)).map(sha256);
    if machine.containers.get(component).is_some_and(|it| Some(&it.hash) == hash.as_ref()) {
        reach.say(format!("{component} runs anew"));
        return Then::Next;
    }
    if left == 0 {
        reach.say(format!("kup: {component} did not come up"));
        return Then::Exit(70);
    }
    let component = component.to_owned();
    Then::First(vec![Act::File(FileAct::AwaitPod { component, left: left - 1 })])
}
