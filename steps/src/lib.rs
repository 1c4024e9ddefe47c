//! Everything in kup that knows Kubernetes.
//!
//! An upgrade of a kubeadm cluster is planned by [`planner`] from an [`inventory`] and done by the
//! files of [`activity`], one for each kind of step, after the questions of [`gate`]; [`rollback`] plans the way back. The world is reached
//! through three ports: [`host`] (machines), [`cluster`] (the API) and [`etcd`] (its maintenance API), each with a real and a simulated adapter ([`sim`]). What runs on
//! machines is in [`script`] and `node/*.sh`, and lives there as an [`attempt`].

pub mod activity;
pub mod attempt;
pub mod cluster;
pub mod difference;
mod digest;
pub mod drain;
pub mod etcd;
pub mod facts;
pub mod gate;
pub mod host;
pub mod inventory;
pub mod kept;
pub mod kubeadm_tmp;
pub mod leftover;
pub mod package;
pub mod planner;
pub mod release;
pub mod rollback;
pub mod script;
pub mod sim;
pub mod version;
pub mod world;
