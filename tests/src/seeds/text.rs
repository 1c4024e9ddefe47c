//! A story for people.

use std::fmt::Write;

use kup_core::event::Event;

use super::Teller;

impl Teller {
    /// Returns what was drawn, what happened, the journal, and the world at the end.
    pub(super) fn text(&self, seed: u64, end: &Result<&'static str, String>) -> String {
        let route = &self.schedule.route;
        let mut text = format!("seed {seed}: {} to {}\n{route:?}\n", route.cluster, route.target);
        // Writing into a string cannot fail.
        for (at, trouble) in &self.schedule.troubles {
            writeln!(text, "drawn {at:?}: {trouble}").ok();
        }
        text.push_str("\nWhat happened:\n");
        self.chaos.told().iter().for_each(|line| writeln!(text, "{line}").unwrap_or_default());
        text.push_str("\nThe journal:\n");
        for entry in self.site.judge().entries() {
            let is_plan = matches!(entry.event, Event::RunStarted(_) | Event::RollbackStarted(_));
            let event = match is_plan {
                true => "a plan".to_owned(),
                false => serde_json::to_string(&entry.event).unwrap_or_default(),
            };
            writeln!(text, "{} {} {} {event}", entry.seq, entry.epoch, entry.time).ok();
        }
        let picture = self.site.world.picture().unwrap_or_default();
        writeln!(text, "\nThe world:\n{picture}\nThe end: {end:?}").ok();
        text
    }
}
