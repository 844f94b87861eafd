//! Modules: the parts of a program, such as an agent and what it calls, and the stack of them.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    iter,
    sync::{Arc, OnceLock},
};

use compact_str::{CompactString, format_compact};

use crate::{id::SpanId, text::text};

/// A part of a program that spans and events are told apart by: an agent, a chain, a tool box.
///
/// Give it to [`Context::with_module`], for as long as it runs.
///
/// [`new`](Self::new) makes a new id, a clone keeps it: what is done under clones of one module is
/// done by the same module. A value that stands for one instance of a type keeps a module of its
/// own and lends out clones:
///
/// ```
/// use o11y_core::{Context, Module};
///
/// struct ResearchAgent {
///     module: Module,
/// }
///
/// impl ResearchAgent {
///     fn new() -> Self {
///         Self { module: Module::new("ResearchAgent").label("planner") }
///     }
///
///     fn run(&self) -> String {
///         Context::with_module(self.module.clone(), || {
///             Context::with_module(Module::new("ChainOfThought"), || {
///                 let here = Context::current();
///                 here.modules().map_or_else(String::new, |modules| modules.path().to_owned())
///             })
///         })
///     }
/// }
///
/// assert_eq!(ResearchAgent::new().run(), "ResearchAgent/planner > ChainOfThought");
/// ```
///
/// [`Context::with_module`]: crate::Context::with_module
#[must_use = "give it to `Context::with_module`"]
#[derive(Clone)]
pub struct Module {
    /// Class and label in one text, which is what is shown of them.
    name: CompactString,
    class_len: usize,
    id: ModuleId,
    /// What it promises; empty if that was not said.
    signature: CompactString,
}

impl Module {
    /// A module of that class, with an id of its own.
    pub fn new(class: impl Into<Cow<'static, str>>) -> Self {
        let name = text(class);
        Self {
            class_len: name.len(),
            name,
            id: ModuleId(SpanId::random()),
            signature: CompactString::const_new(""),
        }
    }

    /// Tells it from others of its class; an empty label is none.
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        let label = label.into();
        self.name = if label.is_empty() {
            self.class().into()
        } else {
            format_compact!("{}/{label}", self.class())
        };
        self
    }

    /// Names what it promises, such as the signature that a prompt is made from; an empty name is
    /// none. Spans show it as `module.signature`, and events of a model call by their
    /// [modules](crate::Event::modules).
    ///
    /// ```
    /// use o11y_core::{Context, Module};
    ///
    /// let barista = Module::new("Predict").signature("OrderToDrink");
    /// let signature = Context::with_module(barista, || {
    ///     let here = Context::current();
    ///     here.modules().and_then(|modules| modules.signature().map(str::to_owned))
    /// });
    /// assert_eq!(signature.as_deref(), Some("OrderToDrink"));
    /// ```
    pub fn signature(mut self, signature: impl Into<Cow<'static, str>>) -> Self {
        self.signature = text(signature);
        self
    }

    /// What kind of module it is.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.name[..self.class_len]
    }

    /// What [`label`](Self::label) was set to.
    #[must_use]
    pub fn get_label(&self) -> Option<&str> {
        self.name.get(self.class_len + 1..)
    }

    /// What [`signature`](Self::signature) was set to.
    #[must_use]
    pub fn get_signature(&self) -> Option<&str> {
        (!self.signature.is_empty()).then_some(&*self.signature)
    }

    /// Class and label: `ResearchAgent/planner`, or the class alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which instance it is.
    #[must_use]
    pub fn id(&self) -> ModuleId {
        self.id
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module({}, {})", self.name, self.id)
    }
}

/// Names one instance of a module: one part of an ancestry token.
///
/// Random and shown as 16 lower-case hexadecimal digits, so that tokens of many processes can be
/// told apart where they meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(SpanId);

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleId({self})")
    }
}

/// The modules around a point of the program, from the outermost to the innermost; at least one.
///
/// Read from [`Context::modules`], [`Event::modules`] and [`Record::modules`].
///
/// ```
/// use o11y_core::{Context, Module};
///
/// let agent = Module::new("ResearchAgent").label("planner");
/// assert_eq!((agent.class(), agent.get_label()), ("ResearchAgent", Some("planner")));
/// let id = agent.id();
///
/// Context::with_module(agent, || {
///     Context::with_module(Module::new("ChainOfThought"), || {
///         let here = Context::current();
///         let modules = here.modules().expect("we are in two");
///         assert_eq!(modules.depth(), 2);
///         assert_eq!(modules.root().id(), id);
///         assert_eq!(modules.leaf().name(), "ChainOfThought");
///         assert_eq!(modules.ancestry(), format!("{id}>{}", modules.leaf().id()));
///         assert!(modules.contains(id));
///     });
/// });
/// ```
///
/// [`Context::modules`]: crate::Context::modules
/// [`Event::modules`]: crate::Event::modules
/// [`Record::modules`]: crate::Record::modules
pub struct Modules {
    /// What is around the innermost one; apart from it, so that there always is one.
    outer: Box<[Module]>,
    leaf: Module,
    // Texts are made by whoever first asks, which is the exporter's thread as a rule, and once for
    // all records that share the stack.
    path: OnceLock<Box<str>>,
    ancestry: OnceLock<Box<str>>,
}

impl Modules {
    /// `leaf` inside of `outer`.
    pub(crate) fn nested(outer: Option<&Self>, leaf: Module) -> Arc<Self> {
        Arc::new(Self {
            outer: outer.into_iter().flat_map(Self::iter).cloned().collect(),
            leaf,
            path: OnceLock::new(),
            ancestry: OnceLock::new(),
        })
    }

    /// Their names, joined: `ResearchAgent/planner > ChainOfThought`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path
            .get_or_init(|| joined(self.iter().map(Module::name), " > "))
    }

    /// Their ids, joined: `9f86d081884c7d65>2c26b46b68ffc68f`.
    #[must_use]
    pub fn ancestry(&self) -> &str {
        self.ancestry
            .get_or_init(|| joined(self.iter().map(Module::id), ">"))
    }

    /// The outermost one.
    pub fn root(&self) -> &Module {
        self.outer.first().unwrap_or(&self.leaf)
    }

    /// The innermost one.
    pub fn leaf(&self) -> &Module {
        &self.leaf
    }

    /// The signature of the innermost one that has one.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.iter().rev().find_map(Module::get_signature)
    }

    /// How many there are; never 0.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.outer.len() + 1
    }

    /// From the outermost to the innermost.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Module> {
        self.outer.iter().chain(iter::once(&self.leaf))
    }

    /// Whether that module is one of them.
    #[must_use]
    pub fn contains(&self, id: ModuleId) -> bool {
        self.iter().any(|module| module.id == id)
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn joined(parts: impl Iterator<Item = impl fmt::Display>, separator: &str) -> Box<str> {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(separator);
        }
        _ = write!(text, "{part}"); // a text takes everything
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_label_are_told_apart_whatever_they_contain() {
        let plain = Module::new("a/b");
        let labelled = plain.clone().label("c/d");

        assert_eq!((plain.class(), plain.get_label()), ("a/b", None));
        assert_eq!(
            (labelled.class(), labelled.get_label()),
            ("a/b", Some("c/d"))
        );
        assert_eq!(labelled.name(), "a/b/c/d");
        assert_eq!(labelled.label("e").name(), "a/b/e");
        assert_eq!(plain.label("f").label("").get_label(), None);
    }

    #[test]
    fn a_clone_keeps_the_id_and_a_new_module_has_its_own() {
        let module = Module::new("Agent");

        assert_eq!(module.clone().label("copy").id(), module.id());
        assert_ne!(Module::new("Agent").id(), module.id());
    }

    #[test]
    fn a_stack_shows_names_and_ids_from_the_outside_in() {
        let (agent, chain) = (Module::new("Agent").label("planner"), Module::new("Chain"));
        let (outer, inner) = (agent.id(), chain.id());

        let around = Modules::nested(None, agent);
        let modules = Modules::nested(Some(&around), chain);

        assert_eq!(modules.path(), "Agent/planner > Chain");
        assert_eq!(modules.ancestry(), format!("{outer}>{inner}"));
        assert_eq!((modules.root().id(), modules.leaf().id()), (outer, inner));
        assert_eq!((around.depth(), modules.depth()), (1, 2));
        assert_eq!(around.root().id(), around.leaf().id());
        assert!(modules.contains(outer) && !around.contains(inner));
    }

    #[test]
    fn the_signature_is_that_of_the_innermost_module_that_has_one() {
        let around = Modules::nested(None, Module::new("Predict").signature("OrderToDrink"));
        let within = Modules::nested(Some(&around), Module::new("Cache").signature(""));
        let inside = Modules::nested(Some(&within), Module::new("Judge").signature("Taste"));

        assert_eq!(around.signature(), Some("OrderToDrink"));
        assert_eq!(within.leaf().get_signature(), None);
        assert_eq!(within.signature(), Some("OrderToDrink"));
        assert_eq!(inside.signature(), Some("Taste"));
    }
}
