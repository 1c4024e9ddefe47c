//! How far etcd is on its way down to the minor before: what its members say, and what follows. etcd does most of it by itself: once a downgrade
//! is enabled every member lowers the version of its storage; then members of the older minor may take their places one by one; when all have,
//! etcd ends it. Before 3.6 an etcd says neither the version of its storage nor whether a downgrade is enabled.
//!
//! Source: etcd's pages `downgrades/downgrade_3_6` and `downgrade_3_7`.

use std::fmt;

use kup_core::event::Found;

use super::{EtcdApi, EtcdError, Member, Status};

/// A minor of etcd, such as 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(u32, u32);

impl Minor {
    /// Returns the minor of a version, or of an image's tag.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let mut numbers = version.trim_start_matches('v').split(['.', '-']).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Whether etcd knows a way from this minor to another one without a restore.
    #[must_use]
    pub fn goes_online_to(self, to: Self) -> bool {
        [(Self(3, 6), Self(3, 5)), (Self(3, 7), Self(3, 6))].contains(&(self, to))
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What the members say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View(pub Vec<Seen>);

/// What one member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The member as the list has it.
    pub member: Member,
    /// What it says of itself.
    pub status: Status,
}

/// Asks every member.
///
/// # Errors
/// Where the list is not told, or one member of it does not answer.
pub async fn look(api: &dyn EtcdApi) -> Result<View, EtcdError> {
    let endpoint = api.endpoints().first().map(String::as_str).unwrap_or_default();
    let mut seen = Vec::new();
    for member in api.members(endpoint).await?.members {
        let status = api.status(endpoint_of(&member)).await?;
        seen.push(Seen { member, status });
    }
    Ok(View(seen))
}

/// Says why a member may not be rested on yet, after its etcd was replaced; nothing where it has all that the others have.
///
/// # Errors
/// As [`look`].
pub async fn behind(api: &dyn EtcdApi, name: &str) -> Result<Option<String>, EtcdError> {
    let View(all) = look(api).await?;
    let others = all.iter().filter(|it| it.member.name != name);
    let revision = others.map(|it| it.status.revision).max().unwrap_or_default();
    let Some(own) = all.iter().find(|it| it.member.name == name) else {
        return Ok(Some(format!("etcd has no member {name}")));
    };
    // Asked after the others, so that what they have had time to write counts.
    let status = api.status(endpoint_of(&own.member)).await?;
    Ok(ill(name, &status).or_else(|| {
        let late = status.revision < revision;
        late.then(|| format!("{name} is at revision {}, others at {revision}", status.revision))
    }))
}

fn endpoint_of(member: &Member) -> &str {
    member.clients.first().map(String::as_str).unwrap_or_default()
}

fn ill(name: &str, status: &Status) -> Option<String> {
    if status.is_learner {
        return Some(format!("{name} is a learner"));
    }
    if !status.has_leader {
        return Some(format!("{name} knows no leader"));
    }
    status.errors.first().map(|error| format!("{name} complains: {error}"))
}

impl Seen {
    fn runs(&self) -> Option<Minor> {
        Minor::of(&self.status.version)
    }

    /// Whether its data are such that an etcd of this minor reads them.
    fn is_stored_for(&self, minor: Minor) -> bool {
        self.runs() == Some(minor) || Minor::of(&self.status.storage) == Some(minor)
    }
}

impl View {
    /// Says what is wrong with a member; nothing where all are well.
    #[must_use]
    pub fn illness(&self) -> Option<String> {
        self.0.iter().find_map(|it| ill(&it.member.name, &it.status))
    }

    /// Whether a downgrade is enabled, as far as anybody says.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.0.iter().any(|it| it.status.downgrade.is_some())
    }

    /// Whether every member runs this minor.
    #[must_use]
    pub fn all_run(&self, minor: Minor) -> bool {
        self.0.iter().all(|it| it.runs() == Some(minor))
    }

    /// Says how far the members are on their way down to a minor. After is: every one of them may be replaced by an etcd of that minor.
    #[must_use]
    pub fn found(&self, minor: Minor) -> Found {
        if let Some(what) = self.foreign(minor) {
            return Found::Foreign { what };
        }
        let later = self.0.iter().filter(|it| !it.is_stored_for(minor));
        let later: Vec<String> =
            later.map(|it| format!("{} stores at {}", it.member.name, it.stored())).collect();
        // While one of them runs the older minor, no other stores for more than that.
        let is_mixed = self.0.iter().any(|it| it.runs() == Some(minor));
        let is_enabled = self.is_enabled();
        if later.is_empty() && (is_mixed || is_enabled) {
            return Found::After {
                what: format!("every member of etcd stores its data for {minor}"),
            };
        }
        if !is_mixed && !is_enabled && later.len() == self.0.len() {
            return Found::Before {
                what: format!("no downgrade of etcd is enabled; {}", later.join(", ")),
            };
        }
        let enabled = if is_enabled { "is" } else { "is not" };
        let what =
            format!("a downgrade of etcd to {minor} {enabled} enabled; {}", later.join(", "));
        Found::Between { what, repairable: true }
    }

    fn foreign(&self, minor: Minor) -> Option<String> {
        let elsewhere = |it: &Seen| {
            let to = it.status.downgrade.as_deref().and_then(Minor::of)?;
            (to != minor).then(|| format!("somebody has enabled a downgrade of etcd to {to}"))
        };
        let stranger = |it: &Seen| {
            let is_known =
                it.runs().is_some_and(|runs| runs == minor || runs.goes_online_to(minor));
            let (name, version) = (&it.member.name, &it.status.version);
            (!is_known).then(|| format!("the member {name} of etcd runs {version}, from which no downgrade leads to {minor}"))
        };
        self.0.iter().find_map(|it| elsewhere(it).or_else(|| stranger(it)))
    }
}

impl Seen {
    fn stored(&self) -> &str {
        match self.status.storage.as_str() {
            "" => "a version that it does not say",
            version => version,
        }
    }
}

#[cfg(test)]
mod tests;
