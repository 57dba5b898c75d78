//! One file per verb, or per few that belong together.

pub mod check;
pub mod controller;
pub mod decide;
pub mod demo;
pub mod down;
pub mod export;
pub mod import;
pub mod load;
pub mod logs;
pub mod orders;
pub mod plan;
pub mod query;
pub mod replay;
pub mod schedules;
pub mod simulate;
pub mod tasks;
pub mod trace;
pub mod tune;
pub mod up;
