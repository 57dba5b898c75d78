//! A small formula over named triggers.
//!
//! Decides: one number from several, such as `max(a, b)`, `a + 2 * b`, or `a > 5 && b > 0 ? a : 0`.
//! Inputs: a value per name; nothing else.
//! Method: KEDA's `scalingModifiers.formula` where the two overlap. Numbers, names, `+ - * /`, comparisons, `&& || !` (also
//!   `and or not`), `c ? x : y`, and the functions `max min sum avg mean count abs floor ceil round float int`; a list may stand in
//!   brackets, and `count([a, b], {# > 1})` counts the elements for which the test holds. A comparison is 1 or 0; any other
//!   number than 0 is true.
//! Invariants: bounded in length, depth and parts; evaluation is total and linear; a result that is not finite is none.
//! Tested: `tests` of `parse` and `eval`.

mod eval;
mod parse;

use std::fmt;

use thiserror::Error;

use crate::Text;

/// A formula that can be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    names: Vec<Text>,
    nodes: Vec<Node>,
    root: usize,
}

/// A formula that cannot be read, with the place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at character {}: {problem}", position + 1)]
pub struct FormulaError {
    /// Characters before the place.
    pub position: usize,
    /// What is wrong there.
    pub problem: FormulaProblem,
}

/// What is wrong with a formula.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormulaProblem {
    /// Longer than 1024 characters.
    #[error("longer than {} characters", parse::LONGEST)]
    TooLong,
    /// More than 32 levels.
    #[error("nested more than {} levels deep", parse::DEEPEST)]
    TooDeep,
    /// Something else stands there.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A function that does not exist.
    #[error("there is no function '{0}'; there are max, min, sum, avg, count, abs, floor, ceil, round")]
    NoFunction(String),
    /// The wrong number of arguments.
    #[error("{function} takes {takes}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// `#` outside of a test.
    #[error("# stands for an element only inside {{ }} of count")]
    NoElement,
    /// A formula that names no trigger.
    #[error("names no trigger")]
    Constant,
}

/// A part of a formula; parts refer to earlier ones by index.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Name(usize),
    Element,
    Negate(usize),
    Not(usize),
    Binary(Op, usize, usize),
    Choose(usize, usize, usize),
    Call(Function, Vec<usize>),
    CountIf(Vec<usize>, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Max,
    Min,
    Sum,
    Avg,
    Count,
    Abs,
    Floor,
    Ceil,
    Round,
    Same,
    Truncate,
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Formula, FormulaError> {
        parse::parse(text)
    }

    /// The names in it, each once, in the order of their first mention.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// The result for one value per name, in the order of [`Formula::names`]; none when it is not finite.
    ///
    /// ```
    /// let formula = skala_autoscaler::Formula::parse("max([a, b]) / 2").unwrap();
    /// assert_eq!(formula.evaluate(&[4.0, 9.0]), Some(4.5));
    /// ```
    pub fn evaluate(&self, values: &[f64]) -> Option<f64> {
        eval::evaluate(self, values)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Function::Max => "max",
            Function::Min => "min",
            Function::Sum => "sum",
            Function::Avg => "avg",
            Function::Count => "count",
            Function::Abs => "abs",
            Function::Floor => "floor",
            Function::Ceil => "ceil",
            Function::Round => "round",
            Function::Same => "float",
            Function::Truncate => "int",
        }
    }

    fn of(name: &str) -> Option<Function> {
        Some(match name {
            "max" => Function::Max,
            "min" => Function::Min,
            "sum" => Function::Sum,
            "avg" | "mean" => Function::Avg,
            "count" => Function::Count,
            "abs" => Function::Abs,
            "floor" => Function::Floor,
            "ceil" => Function::Ceil,
            "round" => Function::Round,
            "float" => Function::Same,
            "int" => Function::Truncate,
            _ => return None,
        })
    }

    fn takes_one(self) -> bool {
        !matches!(self, Function::Max | Function::Min | Function::Sum | Function::Avg | Function::Count)
    }
}
