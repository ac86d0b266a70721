//! What programs in other languages see: the header, the ABI, programs in C and C++, and what is installed. They are programs of their own, made of
//! the libraries that this `cargo test` built.

mod abi;
mod c_api;
mod cpp_api;
mod header;
mod install;
mod programs;
mod servers;
#[path = "../support/mod.rs"]
mod support;
