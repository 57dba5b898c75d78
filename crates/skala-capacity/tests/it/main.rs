//! The formulas against published figures, and properties that hold for every input.

mod erlang;
mod staffing;
