//! What must not compile, each beside its twin that does, so that it fails for the right reason.
//! Only the doctests of this file are ever built.

/// A span does not outlive its closure; what is read from it does.
///
/// ```
/// let kept = o11y_core::Context::with_span("answer", |span| span.context());
/// ```
/// ```compile_fail
/// let kept = o11y_core::Context::with_span("answer", |span| span);
/// ```
/// ```compile_fail
/// let mut kept = None;
/// o11y_core::Context::with_span("answer", |span| kept = Some(span));
/// ```
pub enum KeptSpan {}

/// A span is not moved out of its frame: nothing could take its place there.
///
/// ```
/// o11y_core::Context::with_span("answer", |span| drop(std::mem::take(&mut span.context())));
/// ```
/// ```compile_fail
/// o11y_core::Context::with_span("answer", |span| drop(std::mem::take(span)));
/// ```
pub enum TakenSpan {}

/// A span is not cloned, so that it cannot end twice.
///
/// ```
/// o11y_core::Context::with_span("answer", |span| drop(Clone::clone(&span.context())));
/// ```
/// ```compile_fail
/// o11y_core::Context::with_span("answer", |span| drop(Clone::clone(&*span)));
/// ```
/// ```compile_fail
/// drop(Clone::clone(&o11y_core::Context::start_span("answer")));
/// ```
pub enum ClonedSpan {}

/// A span is not made by hand: only opening one makes one.
///
/// ```
/// let span = o11y_core::Context::start_span("answer");
/// let off: &o11y_core::Span = &span;
/// ```
/// ```compile_fail
/// let span: o11y_core::Span = Default::default();
/// ```
/// ```compile_fail
/// let span = o11y_core::Span { record: None };
/// ```
pub enum ConstructedSpan {}

/// There are never two mutable references to a span.
///
/// ```
/// o11y_core::Context::with_span("answer", |span| {
///     let one = &mut *span;
///     one.set_attribute("a", 1);
///     let other = &mut *span;
///     other.set_attribute("b", 2);
/// });
/// ```
/// ```compile_fail
/// o11y_core::Context::with_span("answer", |span| {
///     let one = &mut *span;
///     let other = &mut *span;
///     one.set_attribute("a", 1);
///     other.set_attribute("b", 2);
/// });
/// ```
pub enum AliasedSpan {}

/// A span is not taken along by a task that may outlive it; a context is.
///
/// ```
/// # use o11y_core::Context;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// Context::with_span_async("answer", async |span| {
///     let here = span.context();
///     tokio::spawn(async move { drop(here) });
/// })
/// # .await
/// # });
/// ```
/// ```compile_fail
/// # use o11y_core::Context;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// Context::with_span_async("answer", async |span| {
///     let here = span;
///     tokio::spawn(async move { drop(here) });
/// })
/// # .await
/// # });
/// ```
pub enum SpanInATask {}

/// A guard stays on the thread whose context it exchanged; the context may go.
///
/// ```
/// let here = o11y_core::Context::current();
/// std::thread::spawn(move || drop(here));
/// ```
/// ```compile_fail
/// let here = o11y_core::Context::current().attach();
/// std::thread::spawn(move || drop(here));
/// ```
pub enum SentGuard {}

/// A task that may move to another thread holds no guard while it waits.
///
/// ```
/// # use o11y_core::Context;
/// fn send(_: impl Send) {}
/// send(async {
///     drop(Context::current().attach());
///     tokio::task::yield_now().await;
/// });
/// ```
/// ```compile_fail
/// # use o11y_core::Context;
/// fn send(_: impl Send) {}
/// send(async {
///     let guard = Context::current().attach();
///     tokio::task::yield_now().await;
///     drop(guard);
/// });
/// ```
pub enum GuardOverAnAwait {}

/// A future is `Send` exactly when what it holds is.
///
/// ```
/// # use o11y_core::Context;
/// fn send(_: impl Send) {}
/// let shared = std::sync::Arc::new(1);
/// send(Context::with_span_async("answer", async move |_span| {
///     tokio::task::yield_now().await;
///     drop(shared);
/// }));
/// ```
/// ```compile_fail
/// # use o11y_core::Context;
/// fn send(_: impl Send) {}
/// let shared = std::rc::Rc::new(1);
/// send(Context::with_span_async("answer", async move |_span| {
///     tokio::task::yield_now().await;
///     drop(shared);
/// }));
/// ```
pub enum SentRc {}

/// A record is taken once.
///
/// ```
/// # use o11y_core::Ended;
/// fn on_end(ended: Ended<'_>) {
///     drop(ended.record().name().to_owned());
///     drop(ended.take());
/// }
/// ```
/// ```compile_fail
/// # use o11y_core::Ended;
/// fn on_end(ended: Ended<'_>) {
///     drop(ended.take());
///     drop(ended.record().name().to_owned());
/// }
/// ```
pub enum RecordTakenTwice {}

/// What a span can be opened from is ours to say; a closure makes it of anything.
///
/// ```
/// # use o11y_core::{Context, SpanSpec};
/// struct Mine;
/// impl Mine {
///     fn into_span_spec(self) -> SpanSpec { SpanSpec::new("mine") }
/// }
/// Context::with_span(|| Mine.into_span_spec(), |_span| ());
/// ```
/// ```compile_fail
/// # use o11y_core::{Context, IntoSpanSpec, SpanSpec};
/// struct Mine;
/// impl IntoSpanSpec for Mine {
///     fn into_span_spec(self) -> SpanSpec { SpanSpec::new("mine") }
/// }
/// Context::with_span(Mine, |_span| ());
/// ```
pub enum ForeignSpec {}

/// A handler observes or may refuse; any other answer would go unheard.
///
/// ```
/// # use o11y_core::{Event, Veto, events};
/// drop(events().subscribe("*", |_event: &Event| ()));
/// drop(events().subscribe("*", |_event: &Event| Ok::<(), Veto>(())));
/// ```
/// ```compile_fail
/// # use o11y_core::{Event, Veto, events};
/// drop(events().subscribe("*", |_event: &Event| Ok::<(), String>(())));
/// ```
pub enum ForeignVerdict {}
