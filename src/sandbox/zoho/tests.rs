//! Every documented answer, by table.
