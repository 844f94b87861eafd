//! Which events belong to a module: those of it alone, or also those of what it calls.

use o11y_core::{Event, Module, ModuleId};

/// Chooses events by the modules that they were made in, see
/// [`Context::with_module`](o11y_core::Context::with_module).
///
/// One instance is meant, not a class: `Module::new` twice makes two modules, and clones of one are
/// the same. An event in another task or thread belongs to a module only if its context was carried
/// there, by `Context::wrap`, `Context::run` or one of the async twins.
///
/// # Examples
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
/// use o11y_core::{Context, Event, Module, attributes, event, events};
/// use o11y_events::{BaseSubscriber, ModuleScope, Subscriptions};
///
/// struct Searches {
///     of: Module,
///     seen: AtomicU64,
/// }
///
/// impl BaseSubscriber for Searches {
///     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
///         let scope = ModuleScope::descendants(&self.of);
///         subscriptions.add_module_subscription(scope, "tool.search", |this: &Self, _: &Event| {
///             this.seen.fetch_add(1, Relaxed);
///         });
///     }
/// }
///
/// let agent = Module::new("ResearchAgent");
/// let searches = Searches { of: agent.clone(), seen: AtomicU64::new(0) }.attach(events());
///
/// event("tool.search", attributes! {}); // of nobody
/// Context::with_module(agent, || {
///     Context::with_module(Module::new("Toolbox"), || event("tool.search", attributes! {}));
/// });
/// assert_eq!(searches.seen.load(Relaxed), 1);
/// ```
#[must_use = "give it to `Subscriptions::add_module_subscription`"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModuleScope {
    module: ModuleId,
    reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reach {
    Itself,
    Descendants,
}

impl ModuleScope {
    /// Events of the module and of everything that it calls, at any depth.
    pub fn descendants(module: &Module) -> Self {
        Self {
            module: module.id(),
            reach: Reach::Descendants,
        }
    }

    /// Events whose innermost module it is.
    pub fn itself(module: &Module) -> Self {
        Self {
            module: module.id(),
            reach: Reach::Itself,
        }
    }

    /// Whether that event is one of them.
    ///
    /// For a subscription without a subscriber: `bus.subscribe("llm.*", move |event: &Event| if
    /// scope.covers(event) { .. })`.
    #[must_use]
    pub fn covers(&self, event: &Event) -> bool {
        event.modules().is_some_and(|modules| match self.reach {
            Reach::Itself => modules.leaf().id() == self.module,
            Reach::Descendants => modules.contains(self.module),
        })
    }
}
