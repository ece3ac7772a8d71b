//! The pipeline against a simulated provider, on a paused clock.

mod behaviour;
mod fake;
mod quota;
mod stops;
mod verify;
