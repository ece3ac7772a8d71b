//! The one integration test binary: behaviour through the program, judged by the sandbox.

mod architecture;
