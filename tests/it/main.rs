//! The one integration test binary: behaviour through the program, judged by the sandbox.

mod architecture;
mod commands;
mod credentials;
mod errors;
mod guard;
mod kill;
mod mixed;
mod quota;
mod resume;
mod secrets;
mod signals;
mod support;
