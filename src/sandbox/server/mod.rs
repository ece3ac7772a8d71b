//! The loopback server over the state machines: the only part that knows of sockets and of an HTTP
//! library.
//!
//! [`running`] starts and stops it, [`exchange`] lets a request travel and be carried out,
//! [`wire`] sends plain replies, broken connections included.

mod exchange;
mod running;
mod wire;

#[cfg(test)]
mod tests;

pub use running::Running;
