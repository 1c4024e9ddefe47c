//! Is any pod covered by more than one disruption budget?

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K125",
    name: "two-budgets",
    question: "Is every pod that must leave its node covered by one disruption budget at most?",
    why: "The API server answers an eviction of a pod with two budgets with 500, however long one waits (pkg/registry/core/pod/storage/eviction.go).",
    remedy: "make the selectors of the budgets disjoint: `kubectl edit pdb -n NAMESPACE NAME`; or delete one: `kubectl delete pdb -n NAMESPACE NAME`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let forecast = match question.draining(question.drain_options()).forecast() {
        Ok(forecast) => forecast,
        Err(why) => return unread(&why),
    };
    let on = |node: &str, pod: &str, budgets: &[String]| {
        format!("{pod} on {node} has the budgets {}", budgets.join(" and "))
    };
    let covered: Vec<String> = forecast
        .nodes
        .iter()
        .flat_map(|it| it.doubly_covered.iter().map(|(pod, budgets)| on(&it.node, pod, budgets)))
        .collect();
    if covered.is_empty() {
        super::pass("no pod that must leave its node has more than one budget")
    } else {
        super::block(super::some(&covered), ABOUT.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::Budget;
    use crate::inventory::sample::{ask, blocks, healthy, passes};

    #[test]
    fn blocks_until_one_of_the_two_is_gone() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let budgets = inventory.survey.budgets.as_mut().unwrap();
        let second = Budget { name: "web-too".to_owned(), ..budgets[0].clone() };
        budgets.push(second);
        let words = ["shop/web-7d9c5b6f4-0 on w1", "shop/web and shop/web-too"];
        blocks(ask(check, &inventory, &["v1.36.2"]), &words);
        inventory.survey.budgets.as_mut().unwrap().remove(0);
        passes(ask(check, &inventory, &["v1.36.2"]));
    }
}
