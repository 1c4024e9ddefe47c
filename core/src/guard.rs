//! How a run keeps the secret ones among its backups: the files of nodes, with the keys of the cluster in them, and the snapshots of etcd. Chosen
//! once, at its start.

use serde::{Deserialize, Serialize};

use crate::event::BackupsGuarded;

/// How secret backups are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// As they are, for the eyes of the operator's account only.
    #[default]
    Plain,
    /// Encrypted with age before they reach a disk here.
    Encrypted {
        /// To whom: `age1...`, or a public key of SSH.
        recipients: Vec<String>,
    },
    /// Not here at all: what a node's backup holds never leaves it, and no snapshot of etcd is taken.
    OnNodes,
}

impl Guard {
    /// Returns the event that records the choice; none where nothing was chosen.
    #[must_use]
    pub fn event(&self) -> Option<BackupsGuarded> {
        match self {
            Self::Plain => None,
            Self::Encrypted { recipients } => {
                Some(BackupsGuarded { recipients: recipients.clone(), stay_on_nodes: false })
            }
            Self::OnNodes => Some(BackupsGuarded { recipients: Vec::new(), stay_on_nodes: true }),
        }
    }

    /// Returns the choice that was recorded.
    #[must_use]
    pub fn of(recorded: &BackupsGuarded) -> Self {
        match (recorded.stay_on_nodes, recorded.recipients.is_empty()) {
            (true, _) => Self::OnNodes,
            (false, true) => Self::Plain,
            (false, false) => Self::Encrypted { recipients: recorded.recipients.clone() },
        }
    }
}
