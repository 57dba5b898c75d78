//! From the text of a formula to its parts.
//!
//! Decides: whether a text is a formula, and where it is not.
//! Inputs: the text.
//! Method: recursive descent, loosest first: `? :`, or, and, comparison, sum, product, sign, atom.
//! Invariants: at most [`LONGEST`] characters and [`DEEPEST`] levels, hence never deep on the stack.
//! Tested: `tests` below.

use super::{Formula, FormulaError, FormulaProblem, Function, Node, Op};
use crate::Text;

/// Most characters.
pub(super) const LONGEST: usize = 1024;
/// Most levels of brackets, signs and alternatives.
pub(super) const DEEPEST: usize = 32;

type Parsed = Result<usize, FormulaError>;

pub(super) fn parse(text: &str) -> Result<Formula, FormulaError> {
    let chars: Vec<char> = text.chars().take(LONGEST + 1).collect();
    if chars.len() > LONGEST {
        return Err(FormulaError { position: LONGEST, problem: FormulaProblem::TooLong });
    }
    let formula = Formula { names: Vec::new(), nodes: Vec::new(), root: 0 };
    let mut parser = Parser { chars, at: 0, depth: 0, in_test: false, formula };
    let root = parser.choice()?;
    parser.blanks();
    if parser.at < parser.chars.len() {
        return Err(parser.unexpected("an operator or the end"));
    }
    if parser.formula.names.is_empty() {
        return Err(FormulaError { position: 0, problem: FormulaProblem::Constant });
    }
    parser.formula.root = root;
    Ok(parser.formula)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    in_test: bool,
    formula: Formula,
}

impl Parser {
    fn choice(&mut self) -> Parsed {
        self.deeper(|p| {
            let test = p.either()?;
            if !p.eat("?") {
                return Ok(test);
            }
            let yes = p.choice()?;
            p.expect(":", "':'")?;
            let no = p.choice()?;
            Ok(p.node(Node::Choose(test, yes, no)))
        })
    }

    fn either(&mut self) -> Parsed {
        let mut left = self.both()?;
        while self.eat("||") || self.eat_word("or") {
            let right = self.both()?;
            left = self.node(Node::Binary(Op::Or, left, right));
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed {
        let mut left = self.comparison()?;
        while self.eat("&&") || self.eat_word("and") {
            let right = self.comparison()?;
            left = self.node(Node::Binary(Op::And, left, right));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Parsed {
        const OPS: [(&str, Op); 6] = [
            ("<=", Op::LessOrEqual),
            (">=", Op::GreaterOrEqual),
            ("==", Op::Equal),
            ("!=", Op::NotEqual),
            ("<", Op::Less),
            (">", Op::Greater),
        ];
        let left = self.sum()?;
        let Some((_, op)) = OPS.into_iter().find(|(sign, _)| self.eat(sign)) else { return Ok(left) };
        let right = self.sum()?;
        Ok(self.node(Node::Binary(op, left, right)))
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let op = if self.eat("+") {
                Op::Add
            } else if self.eat("-") {
                Op::Subtract
            } else {
                return Ok(left);
            };
            let right = self.product()?;
            left = self.node(Node::Binary(op, left, right));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.sign()?;
        loop {
            let op = if self.eat("*") {
                Op::Multiply
            } else if self.eat("/") {
                Op::Divide
            } else {
                return Ok(left);
            };
            let right = self.sign()?;
            left = self.node(Node::Binary(op, left, right));
        }
    }

    fn sign(&mut self) -> Parsed {
        self.deeper(|p| {
            if p.eat("-") {
                let of = p.sign()?;
                return Ok(p.node(Node::Negate(of)));
            }
            if p.peek() == Some('!') && p.chars.get(p.at + 1) != Some(&'=') || p.at_word("not") {
                p.at += if p.peek() == Some('!') { 1 } else { 3 };
                let of = p.sign()?;
                return Ok(p.node(Node::Not(of)));
            }
            p.atom()
        })
    }

    fn atom(&mut self) -> Parsed {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.choice()?;
                self.expect(")", "')'")?;
                Ok(inner)
            }
            Some('#') => {
                if !self.in_test {
                    return Err(self.error(FormulaProblem::NoElement));
                }
                self.at += 1;
                Ok(self.node(Node::Element))
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if starts_name(c) => self.name_or_call(),
            _ => Err(self.unexpected("a number, a name or '('")),
        }
    }

    fn number(&mut self) -> Parsed {
        let start = self.at;
        let mut text = String::new();
        while let Some(&c) = self.chars.get(self.at) {
            let exponent_sign = matches!(c, '+' | '-') && text.ends_with(['e', 'E']);
            if !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || exponent_sign) {
                break;
            }
            text.push(c);
            self.at += 1;
        }
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(self.node(Node::Number(x))),
            _ => {
                let problem = FormulaProblem::Unexpected { expected: "a number", found: format!("'{text}'") };
                Err(FormulaError { position: start, problem })
            }
        }
    }

    fn name_or_call(&mut self) -> Parsed {
        let start = self.at;
        let name = self.word();
        self.at += name.chars().count();
        match name.as_str() {
            "true" => return Ok(self.node(Node::Number(1.0))),
            "false" => return Ok(self.node(Node::Number(0.0))),
            "and" | "or" | "not" => {
                self.at = start;
                return Err(self.unexpected("a number, a name or '('"));
            }
            _ => {}
        }
        if self.eat("(") {
            return self.call(&name, start);
        }
        let names = &mut self.formula.names;
        let index = names.iter().position(|n| **n == *name).unwrap_or_else(|| {
            names.push(Text::from(name));
            names.len() - 1
        });
        Ok(self.node(Node::Name(index)))
    }

    fn call(&mut self, name: &str, start: usize) -> Parsed {
        let wrong = |problem| FormulaError { position: start, problem };
        let function = Function::of(name).ok_or_else(|| wrong(FormulaProblem::NoFunction(name.to_owned())))?;
        let in_list = self.eat("[");
        let mut list = vec![self.choice()?];
        while self.peek() == Some(',') {
            self.at += 1;
            if !in_list && self.peek() == Some('{') {
                return Err(self.unexpected("a number, a name or '('"));
            }
            list.push(self.choice()?);
        }
        if in_list {
            self.expect("]", "',' or ']'")?;
        }
        if in_list && function == Function::Count && self.eat(",") {
            return self.count_if(list);
        }
        self.expect(")", "',' or ')'")?;
        if function.takes_one() && (list.len() != 1 || in_list) {
            return Err(wrong(FormulaProblem::Arguments { function: function.name(), takes: "one number" }));
        }
        Ok(self.node(Node::Call(function, list)))
    }

    fn count_if(&mut self, list: Vec<usize>) -> Parsed {
        let was_in_test = self.in_test;
        self.expect("{", "'{'")?;
        if was_in_test {
            // A test within a test would make the work a product of the lists.
            return Err(self.unexpected("no test within a test"));
        }
        self.in_test = true;
        let test = self.choice()?;
        self.in_test = false;
        self.expect("}", "'}'")?;
        self.expect(")", "')'")?;
        Ok(self.node(Node::CountIf(list, test)))
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Parser) -> Parsed) -> Parsed {
        self.depth += 1;
        // Every level of brackets is one choice and one sign.
        if self.depth > 2 * DEEPEST {
            return Err(self.error(FormulaProblem::TooDeep));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn node(&mut self, node: Node) -> usize {
        self.formula.nodes.push(node);
        self.formula.nodes.len() - 1
    }

    fn blanks(&mut self) {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.blanks();
        let found = sign.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if found {
            self.at += sign.chars().count();
        }
        found
    }

    /// The name that starts here; empty when none does.
    fn word(&mut self) -> String {
        self.blanks();
        let rest = self.chars[self.at.min(self.chars.len())..].iter();
        rest.copied().take_while(|&c| starts_name(c) || c.is_ascii_digit()).collect()
    }

    fn at_word(&mut self, word: &str) -> bool {
        self.word() == word
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.at += word.chars().count();
        }
        found
    }

    fn expect(&mut self, sign: &str, expected: &'static str) -> Result<(), FormulaError> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&mut self, expected: &'static str) -> FormulaError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| format!("'{c}'"));
        self.error(FormulaProblem::Unexpected { expected, found })
    }

    fn error(&self, problem: FormulaProblem) -> FormulaError {
        FormulaError { position: self.at, problem }
    }
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_and_where() {
        let deep = format!("{}a{}", "(".repeat(40), ")".repeat(40));
        let minus = format!("{}a", "-".repeat(1000));
        let long = format!("a{}", " + a".repeat(300));
        let rows = [
            ("", "at character 1: expected a number, a name or '(', found the end"),
            ("a +", "at character 4: expected a number, a name or '(', found the end"),
            ("a b", "at character 3: expected an operator or the end, found 'b'"),
            ("(a", "at character 3: expected ')', found the end"),
            ("a ? b", "at character 6: expected ':', found the end"),
            ("1.2.3 + a", "at character 1: expected a number, found '1.2.3'"),
            (
                "median(a, b)",
                "at character 1: there is no function 'median'; there are max, min, sum, avg, count, abs, floor, ceil, round",
            ),
            ("max()", "at character 5: expected a number, a name or '(', found ')'"),
            ("max([a, b)", "at character 10: expected ',' or ']', found ')'"),
            ("abs(a, b)", "at character 1: abs takes one number"),
            ("# > 1", "at character 1: # stands for an element only inside { } of count"),
            ("count([a], {count([a], {# > 1}) > 0})", "at character 25: expected no test within a test, found '#'"),
            ("a = 1", "at character 3: expected an operator or the end, found '='"),
            ("a && and", "at character 6: expected a number, a name or '(', found 'a'"),
            ("1 + 2", "at character 1: names no trigger"),
            (&deep, "at character 33: nested more than 32 levels deep"),
            (&minus, "at character 64: nested more than 32 levels deep"),
            (&long, "at character 1025: longer than 1024 characters"),
        ];
        for (text, expected) in rows {
            let error = Formula::parse(text).expect_err(text);
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_listed_once() {
        let formula = Formula::parse("max(queue_1, lag) + queue_1 * Übung").unwrap();
        assert_eq!(formula.names(), ["queue_1", "lag", "Übung"].map(Text::from));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-c0-9 .+*/()<>=!&|?:,#{}\\[\\]-]{0,60}", values in proptest::collection::vec(any::<f64>(), 3)) {
            if let Ok(formula) = Formula::parse(&text) {
                let result = formula.evaluate(&values);
                prop_assert!(result.is_none_or(f64::is_finite));
            }
        }

        #[test]
        fn no_string_panics(text in any::<String>()) {
            let _ = Formula::parse(&text);
        }
    }
}
