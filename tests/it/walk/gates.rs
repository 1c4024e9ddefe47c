//! Nothing is done before the gates are open: each one in turn blocks, or cannot answer, and the world stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::engine::Rest;
use kup_core::event::{PauseReason, Verdict};
use kup_core::gate::Gate;
use kup_tests::walk::life::{End, Life, Will};
use kup_tests::walk::process::Undisturbed;
use kup_tests::walk::site::Site;

use super::{SUCCEEDED, count, forward_route, lives};

/// A gate that blocks, or one that cannot answer.
#[derive(Clone, Copy)]
struct Shut(&'static str, bool);

#[async_trait]
impl Gate for Shut {
    fn name(&self) -> &'static str {
        self.0
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, _: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        let (evidence, remedy) = ("as a test wants".to_owned(), "end the test".to_owned());
        match self.1 {
            true => Ok(Verdict::Block { evidence, remedy }),
            false => Err(ActivityError::transient(evidence)),
        }
    }
}

#[tokio::test]
async fn nothing_is_done_before_every_gate_is_open() {
    let gates = Site::new(&forward_route()).await.plan().gates;
    assert!(gates.len() >= 7, "{gates:?}");
    for (gate, blocks) in gates.iter().flat_map(|gate| [(gate, true), (gate, false)]) {
        let site = Site::new(&forward_route()).await;
        let (picture, survey) = (site.picture(), site.survey());
        let shut = Shut(gate.gate.clone().leak(), blocks);
        let dress = move |catalog: &mut Catalog| catalog.add_gate(Arc::new(shut));
        let life = Life::new(Arc::new(Undisturbed), Will::Go);
        let end = site.live(Life { dresser: Some(Arc::new(dress)), ..life }).await;
        let paused = PauseReason::Gate { gate: gate.gate.clone() };
        assert_eq!(end.ok(), Some(End::Rest(Rest::Paused(paused))), "{}", gate.gate);
        assert_eq!(site.picture(), picture, "{}", gate.gate);
        assert_eq!(site.survey(), survey, "{}", gate.gate);
        assert_eq!(site.judge().found(), None);
        assert_eq!(lives(&site, Arc::new(Undisturbed), Will::Go).await, SUCCEEDED);
        let fault = if blocks { "a gate blocks" } else { "a gate cannot answer" };
        count(fault, "every gate", "nothing changed; succeeded once it was open");
    }
}
