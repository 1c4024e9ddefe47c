//! The suites.

#[cfg(test)]
mod host_contract;
#[cfg(test)]
mod sim_half_done;
#[cfg(test)]
mod sim_rig;
#[cfg(test)]
mod sim_upgrade;
#[cfg(test)]
mod sim_world;
