//! The journal on a disk that fails, against a model. The writer and the mover run in the test's own thread, so that a seed
//! says everything.

mod crash;
mod damage;
mod full;
pub(crate) mod model;
mod reopen;
pub(crate) mod rig;
