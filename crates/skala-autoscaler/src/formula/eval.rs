//! What a formula comes to.
//!
//! Decides: the number, or none.
//! Inputs: a parsed formula and one value per name.
//! Method: a walk over the tree; only the chosen side of `? :` and the needed side of `&&` and `||` is looked at.
//! Invariants: total; as deep as the parser allows; each part is looked at once, parts of a test once per element.
//! Tested: `tests` below.

use super::{Formula, Function, Node, Op};

pub(super) fn evaluate(formula: &Formula, values: &[f64]) -> Option<f64> {
    Walk { formula, values }.at(formula.root, None).filter(|x| x.is_finite())
}

struct Walk<'a> {
    formula: &'a Formula,
    values: &'a [f64],
}

impl Walk<'_> {
    fn at(&self, index: usize, element: Option<f64>) -> Option<f64> {
        let truth = |x: bool| f64::from(u8::from(x));
        // A part that is no number makes the whole none, also where a comparison would hide it.
        let value = match self.formula.nodes.get(index)? {
            Node::Number(x) => *x,
            Node::Name(i) => *self.values.get(*i)?,
            Node::Element => element?,
            Node::Negate(a) => -self.at(*a, element)?,
            Node::Not(a) => truth(self.at(*a, element)? == 0.0),
            Node::Choose(test, yes, no) => {
                let chosen = if self.at(*test, element)? != 0.0 { yes } else { no };
                self.at(*chosen, element)?
            }
            Node::Binary(Op::And, a, b) => truth(self.at(*a, element)? != 0.0 && self.at(*b, element)? != 0.0),
            Node::Binary(Op::Or, a, b) => truth(self.at(*a, element)? != 0.0 || self.at(*b, element)? != 0.0),
            Node::Binary(op, a, b) => binary(*op, self.at(*a, element)?, self.at(*b, element)?),
            Node::Call(function, list) => self.call(*function, list, element)?,
            Node::CountIf(list, test) => {
                let mut count = 0.0;
                for item in list {
                    let item = self.at(*item, element)?;
                    count += truth(self.at(*test, Some(item))? != 0.0);
                }
                count
            }
        };
        value.is_finite().then_some(value)
    }

    fn call(&self, function: Function, list: &[usize], element: Option<f64>) -> Option<f64> {
        let first = self.at(*list.first()?, element)?;
        let rest = |start: f64, join: fn(f64, f64) -> f64| {
            list[1..].iter().try_fold(start, |so_far, i| Some(join(so_far, self.at(*i, element)?)))
        };
        match function {
            Function::Max => rest(first, f64::max),
            Function::Min => rest(first, f64::min),
            Function::Sum => rest(first, |a, b| a + b),
            Function::Avg => rest(first, |a, b| a + b).map(|sum| sum / list.len() as f64),
            Function::Count => {
                let holds = |x: f64| f64::from(u8::from(x != 0.0));
                rest(holds(first), |a, b| a + f64::from(u8::from(b != 0.0)))
            }
            Function::Abs => Some(first.abs()),
            Function::Floor => Some(first.floor()),
            Function::Ceil => Some(first.ceil()),
            Function::Round => Some(first.round()),
            Function::Same => Some(first),
            Function::Truncate => Some(first.trunc()),
        }
    }
}

fn binary(op: Op, a: f64, b: f64) -> f64 {
    let truth = |x: bool| f64::from(u8::from(x));
    match op {
        Op::Add => a + b,
        Op::Subtract => a - b,
        Op::Multiply => a * b,
        Op::Divide => a / b,
        Op::Less => truth(a < b),
        Op::LessOrEqual => truth(a <= b),
        Op::Greater => truth(a > b),
        Op::GreaterOrEqual => truth(a >= b),
        Op::Equal => truth(a == b),
        Op::NotEqual => truth(a != b),
        Op::And => truth(a != 0.0 && b != 0.0),
        Op::Or => truth(a != 0.0 || b != 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        // a = 3, b = 8, zero = 0.
        let rows = [
            ("a + b * 2", Some(19.0)),
            ("(a + b) * 2 - -a", Some(25.0)),
            ("a - b - 1", Some(-6.0)),
            ("b / a / 2", Some(8.0 / 3.0 / 2.0)),
            ("max(a, b)", Some(8.0)),
            ("max([a,b])", Some(8.0)),
            ("min([a, b, 1])", Some(1.0)),
            ("sum(a, b, 1)", Some(12.0)),
            ("avg(a, b)", Some(5.5)),
            ("mean([a, b])", Some(5.5)),
            ("count(a, b, zero)", Some(2.0)),
            ("count([a, b], {# > 5}) > 0 ? 7 : 1", Some(7.0)),
            ("a > 2 && b > 2", Some(1.0)),
            ("a > 2 and b > 20 ? b : 0", Some(0.0)),
            ("!(a == 3) || b != 8 or not zero", Some(1.0)),
            ("a > 5 ? 1 : b > 5 ? 2 : 3", Some(2.0)),
            (
                "floor(b / a) + ceil(b / a) + round(b / a) + int(2.9) + float(1) + abs(0-4)",
                Some(2.0 + 3.0 + 3.0 + 2.0 + 1.0 + 4.0),
            ),
            (".5 * 2e1 + a", Some(13.0)),
            ("zero > 0 ? a / zero : b", Some(8.0)),
            ("a / zero", None),
            ("zero / zero", None),
            ("(a / zero) > 1 ? 1 : 2", None),
            ("b * 1e308 * 10", None),
        ];
        for (text, expected) in rows {
            let formula = Formula::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let values: Vec<f64> = formula
                .names()
                .iter()
                .map(|n| match &**n {
                    "a" => 3.0,
                    "b" => 8.0,
                    _ => 0.0,
                })
                .collect();
            assert_eq!(formula.evaluate(&values), expected, "{text}");
        }
    }

    #[test]
    fn values_that_are_missing_or_no_numbers_give_none() {
        let formula = Formula::parse("max(a, b)").unwrap();
        assert_eq!(formula.evaluate(&[1.0]), None);
        assert_eq!(formula.evaluate(&[1.0, f64::NAN]), None);
        assert_eq!(formula.evaluate(&[f64::INFINITY, 1.0]), None);
    }
}
