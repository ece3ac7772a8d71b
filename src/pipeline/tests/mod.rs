//! The pipeline against a simulated provider, on a paused clock.

mod at_once;
mod behaviour;
mod fake;
mod makespan;
mod quota;
mod stops;
mod verify;
