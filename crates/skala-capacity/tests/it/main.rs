//! The formulas against published figures, and properties that hold for every input.

mod bounded;
mod budget;
mod cost;
mod drain;
mod erlang;
mod llm;
mod plan;
mod rules;
mod staffing;
mod total;
mod usl;
