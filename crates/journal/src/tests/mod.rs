//! The journal on a disk that fails, against a model. The writer and the mover run in the test's own thread, so that a seed
//! says everything.

mod crash;
mod damage;
mod full;
mod model;
mod rig;
