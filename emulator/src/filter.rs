//! OData's `$filter`, as much of it as Azure documents for lists: comparisons and text functions on named fields, joined by
//! `and`, `or` and `not`, in parentheses.

/// A filter that was understood.
#[derive(Debug)]
pub(crate) enum Filter {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// Field, operator (`eq`, `contains` and so on), value.
    Test(String, &'static str, String),
}

const COMPARISONS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];
const FUNCTIONS: [&str; 4] = ["contains", "startswith", "endswith", "substringof"];

impl Filter {
    /// Reads a filter over these fields; otherwise says what is wrong with it.
    pub(crate) fn parse(text: &str, fields: &[&str]) -> Result<Self, String> {
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            fields,
        };
        let filter = parser.any()?;
        match parser.tokens.get(parser.at) {
            None => Ok(filter),
            Some(token) => Err(format!("'{token}' is not expected there")),
        }
    }

    /// Whether something with these fields passes. A field that it does not have is empty.
    pub(crate) fn passes<'f>(&self, field: &impl Fn(&str) -> Option<&'f str>) -> bool {
        match self {
            Self::And(left, right) => left.passes(field) && right.passes(field),
            Self::Or(left, right) => left.passes(field) || right.passes(field),
            Self::Not(inner) => !inner.passes(field),
            Self::Test(name, operator, wanted) => {
                // The service compares without regard to case, as it does with names everywhere.
                let (found, wanted) = (field(name).unwrap_or_default().to_lowercase(), wanted.to_lowercase());
                match *operator {
                    "eq" => found == wanted,
                    "ne" => found != wanted,
                    "gt" => found > wanted,
                    "ge" => found >= wanted,
                    "lt" => found < wanted,
                    "le" => found <= wanted,
                    "startswith" => found.starts_with(&wanted),
                    "endswith" => found.ends_with(&wanted),
                    _ => found.contains(&wanted),
                }
            }
        }
    }
}

/// Words, texts with their quotes, and single signs.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '(' | ')' | ',' => 1,
            // A quote within a text is doubled.
            '\'' => {
                let mut end = 1;
                loop {
                    end += rest[end..].find('\'').ok_or("a text has no end")? + 1;
                    if !rest[end..].starts_with('\'') {
                        break end;
                    }
                    end += 1;
                }
            }
            _ => rest
                .find(|letter: char| letter.is_whitespace() || "(),'".contains(letter))
                .unwrap_or(rest.len()),
        };
        tokens.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    fields: &'a [&'a str],
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, String> {
        let mut left = self.all()?;
        while self.takes("or") {
            left = Filter::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.takes("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        if self.takes("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Some(function) = FUNCTIONS.into_iter().find(|name| self.takes(name)) {
            self.expect("(")?;
            // The old function has the text first.
            let text_first = function == "substringof";
            let early = if text_first { self.text()? } else { self.field()? };
            self.expect(",")?;
            let late = if text_first { self.field()? } else { self.text()? };
            self.expect(")")?;
            let (field, text) = if text_first { (late, early) } else { (early, late) };
            return Ok(Filter::Test(field, function, text));
        }
        let field = self.field()?;
        let operator = COMPARISONS
            .into_iter()
            .find(|name| self.takes(name))
            .ok_or("an operator is missing")?;
        Ok(Filter::Test(field, operator, self.text()?))
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = self
            .tokens
            .get(self.at)
            .is_some_and(|token| token.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.takes(word) {
            Ok(())
        } else {
            Err(format!("'{word}' is missing"))
        }
    }

    fn field(&mut self) -> Result<String, String> {
        let token = self.tokens.get(self.at).ok_or("a field is missing")?;
        // Some clients write the path within the resource.
        let name = token.strip_prefix("properties/").unwrap_or(token);
        let field = self
            .fields
            .iter()
            .find(|field| field.eq_ignore_ascii_case(name))
            .ok_or(format!("'{name}' is no field that can be filtered"))?;
        self.at += 1;
        Ok((*field).to_owned())
    }

    fn text(&mut self) -> Result<String, String> {
        let inner = self
            .tokens
            .get(self.at)
            .and_then(|token| token.strip_prefix('\'')?.strip_suffix('\''))
            .ok_or("a text in quotes is missing")?;
        self.at += 1;
        Ok(inner.replace("''", "'"))
    }
}
