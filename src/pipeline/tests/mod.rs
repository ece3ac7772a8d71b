//! The pipeline against a simulated provider, on a paused clock.

mod at_once;
mod behaviour;
mod clock;
mod fake;
mod makespan;
mod quota;
mod reach;
mod setup;
mod stops;
mod verify;
