//! Everything in kup that knows Kubernetes.
//!
//! An upgrade of a kubeadm cluster is planned by [`planner`] from an [`inventory`] and done by the
//! files of [`activity`], one for each kind of step, after the questions of [`gate`]. The world is reached through two
//! ports: [`host`] (machines) and [`cluster`] (the API), each with a real and a simulated adapter ([`sim`]).

pub mod cluster;
pub mod host;
pub mod script;
pub mod sim;
pub mod version;
