//! What headers are written to and read from: maps and lists of text; HTTP's own stand apart.

use std::{borrow::Cow, collections::HashMap, hash::BuildHasher};

/// Takes headers: those of a request about to be sent, the attributes of a message.
///
/// Called on the thread that injects, at most three times an injection.
///
/// ```
/// use o11y_core::{Context, Injector, Propagation};
///
/// /// The attributes of a message on its way to a queue.
/// #[derive(Default)]
/// struct Message(Vec<(&'static str, String)>);
///
/// impl Injector for Message {
///     fn set(&mut self, name: &str, value: String) {
///         if name == "traceparent" {
///             self.0.push(("trace", value)); // this queue allows no other names
///         }
///     }
/// }
///
/// let mut message = Message::default();
/// Propagation::new().inject(&Context::current(), &mut message);
/// assert!(message.0.is_empty()); // outside of any trace there is nothing to hand on
/// ```
pub trait Injector {
    /// Sets the header `name`, which is in lower case, in place of any that has this name in
    /// whatever case. The value is printable ASCII.
    fn set(&mut self, name: &str, value: String);
}

/// Gives headers: those of a request that has come, the attributes of a message.
///
/// Called on the thread that extracts, at most three times an extraction.
///
/// ```
/// use std::borrow::Cow;
/// use o11y_core::{Extractor, Propagation};
///
/// /// A message that has come, with one attribute.
/// struct Message(String);
///
/// impl Extractor for Message {
///     fn get(&self, name: &str) -> Option<Cow<'_, str>> {
///         (name == "traceparent").then_some(Cow::Borrowed(&self.0))
///     }
/// }
///
/// let message = Message("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
/// let caller = Propagation::new().extract(&message);
/// assert_eq!(caller.tracestate(), None);
/// let point = caller.into_context();
/// assert_eq!(point.span_id().map(|id| id.to_string()).as_deref(), Some("b7ad6b7169203331"));
/// ```
pub trait Extractor {
    /// The header `name`, which is in lower case while the carrier's may be in any. Several lines
    /// of one name are given as one, joined by commas in their order.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl<S: BuildHasher> Injector for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: String) {
        self.retain(|known, _| !known.eq_ignore_ascii_case(name));
        self.insert(name.to_owned(), value);
    }
}

/// Of several spellings of one name the lower-case one is given, or else any.
impl<S: BuildHasher> Extractor for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let exact = Self::get(self, name);
        let found = exact.or_else(|| {
            self.iter()
                .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
        });
        found.map(|value| value.as_str().into())
    }
}

impl Injector for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: String) {
        self.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.push((name.to_owned(), value));
    }
}

impl Extractor for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        joined(
            self.iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str().into()),
        )
    }
}

/// Lines of one name as one, as RFC 7230 (section 3.2.2) puts them together. A single line, which
/// is the rule, is lent.
pub(super) fn joined<'a>(mut lines: impl Iterator<Item = Cow<'a, str>>) -> Option<Cow<'a, str>> {
    let mut text = lines.next()?;
    for line in lines {
        let text = text.to_mut();
        text.push(',');
        text.push_str(&line);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_any_case_and_replaced() {
        let mut map = HashMap::from([("TraceParent".to_owned(), "old".to_owned())]);
        let mut list: Vec<_> = map.clone().into_iter().collect();
        assert_eq!(Extractor::get(&map, "traceparent").as_deref(), Some("old"));
        assert_eq!(Extractor::get(&list, "traceparent").as_deref(), Some("old"));

        map.set("traceparent", "new".into());
        list.set("traceparent", "new".into());

        assert_eq!(map.len(), 1);
        assert_eq!(list.len(), 1);
        assert_eq!(Extractor::get(&map, "traceparent").as_deref(), Some("new"));
        assert_eq!(Extractor::get(&list, "traceparent").as_deref(), Some("new"));
    }

    #[test]
    fn several_lines_are_one_and_a_single_one_is_lent() {
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let list = vec![line("a", "1"), line("b", "2"), line("A", "3")];

        assert_eq!(Extractor::get(&list, "a").as_deref(), Some("1,3"));
        assert!(matches!(
            Extractor::get(&list, "b"),
            Some(Cow::Borrowed("2"))
        ));
        assert_eq!(Extractor::get(&list, "c"), None);
    }
}
