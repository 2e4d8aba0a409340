//! The index against all heads in memory, whatever happens.

mod model;
mod random;
mod world;
