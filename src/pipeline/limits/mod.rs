//! What stands between a row that is ready and its request: windows, pace, permits and gates.
//!
//! **A quota is an exact window, never a bucket.** A token bucket of 700 lets 1,399 requests into
//! some ten minutes. A [`Window`] holds a slot from before its request is sent until one span after
//! the answer came, so no span on the server's clock, rolling or fixed, can hold more than the
//! quota, whatever the latency.
//!
//! Nothing here sends, records or knows a provider.

mod account;
mod admission;
mod at_once;
mod pace;
mod past;
mod turns;
mod window;

pub use account::{Limits, LimitsSpec, Marks, PAUSE_WAITED_MAX, Stated};
pub use admission::{Admission, Refused};
pub(in crate::pipeline) use at_once::TRIED_AGAIN_AFTER;
pub use at_once::TakenAtOnce;
#[cfg(test)]
pub(in crate::pipeline) use pace::rival;
pub use past::Past;
pub use window::{Mark, Window};
