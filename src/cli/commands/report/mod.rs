//! `report`: the account of a run for people who were not there, as one document ([`document`]), or
//! the admin's own rows back ([`rows`]).

mod document;
mod execute;
mod place;
mod rows;

pub(in crate::cli) use execute::execute;
