//! What stands in the brackets: `#[observe(name = "brew", skip(key))]`.

use syn::{
    Error, Expr, Ident, LitStr, Result, Token,
    ext::IdentExt as _,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// Each type by the name that Langfuse knows it by, and by its variant. An event has no duration.
const TYPES: [(&str, &str); 9] = [
    ("span", "Span"),
    ("generation", "Generation"),
    ("agent", "Agent"),
    ("tool", "Tool"),
    ("chain", "Chain"),
    ("retriever", "Retriever"),
    ("embedding", "Embedding"),
    ("evaluator", "Evaluator"),
    ("guardrail", "Guardrail"),
];

const LEVELS: [(&str, &str); 4] = [
    ("debug", "Debug"),
    ("default", "Default"),
    ("warning", "Warning"),
    ("error", "Error"),
];

const KNOWN: &str = "`name = \"…\"`, `as_type = \"…\"`, `level = \"…\"`, `capture_input`, \
                     `capture_output`, `skip(…)` and `attributes(…)`";

/// The options of one `#[observe]`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    /// The variant of `ObservationType`.
    pub(crate) observation: Option<Ident>,
    /// The variant of `Level`.
    pub(crate) level: Option<Ident>,
    pub(crate) captures_input: bool,
    pub(crate) captures_output: bool,
    pub(crate) skipped: Vec<Ident>,
    pub(crate) attributes: Vec<Attribute>,
}

/// `"order.size" = size`
pub(crate) struct Attribute {
    pub(crate) key: LitStr,
    pub(crate) value: Expr,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let option: Ident = input.parse()?;
            if seen.contains(&option) {
                return Err(Error::new(
                    option.span(),
                    format!("`{option}` is given twice"),
                ));
            }
            options.read(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "name" => self.name = Some(text(input)?),
            "as_type" => self.observation = Some(variant(input, &TYPES, "a type")?),
            "level" => self.level = Some(variant(input, &LEVELS, "a level")?),
            "capture_input" => self.captures_input = true,
            "capture_output" => self.captures_output = true,
            "skip" => {
                self.captures_input = true;
                self.skipped = listed(input, Ident::parse_any)?; // `self` is a keyword
            }
            "attributes" => self.attributes = listed(input, Attribute::parse)?,
            other => {
                let message = format!("`{other}` is no option of `observe`; there are {KNOWN}");
                return Err(Error::new(option.span(), message));
            }
        }
        Ok(())
    }
}

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = input.parse()?;
        input.parse::<Token![=]>()?;
        let value = input.parse()?;
        Ok(Self { key, value })
    }
}

fn text(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// The variant that a text names.
fn variant(input: ParseStream<'_>, known: &[(&str, &str)], what: &str) -> Result<Ident> {
    let text = text(input)?;
    let name = text.value();
    if let Some((_, variant)) = known.iter().find(|(known, _)| *known == name) {
        return Ok(Ident::new(variant, text.span()));
    }
    let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
    let message = format!("`{name}` is not {what}; there are {}", names.join(", "));
    Err(Error::new(text.span(), message))
}

/// What stands in brackets, separated by commas.
fn listed<T>(input: ParseStream<'_>, parse: fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<T>> {
    let inside;
    parenthesized!(inside in input);
    let list = Punctuated::<T, Token![,]>::parse_terminated_with(&inside, parse)?;
    Ok(list.into_iter().collect())
}
