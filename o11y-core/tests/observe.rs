//! Functions as spans: `#[observe]`.

#![cfg(all(feature = "macros", feature = "testing"))]

use std::{fmt::Display, pin::Pin};

use o11y_core::{Context, ObservationType, observe, testing::Recording};

#[observe]
fn plain(cups: u32) -> u32 {
    if cups == 0 {
        return 7; // out of the body, not out of what is around it
    }
    cups + 1
}

#[observe(
    name = "brew coffee",
    as_type = "tool",
    level = "debug",
    skip(key),
    capture_output,
    attributes("order.size" = order.len(), "cups" = cups)
)]
fn brew(order: &str, cups: u32, key: &str) -> Result<String, std::num::ParseIntError> {
    let number: u32 = key.parse()?;
    Ok(format!("{} {order}", cups + number))
}

#[observe(as_type = "agent", capture_input, capture_output)]
async fn serve(order: String) -> anyhow::Result<String> {
    tokio::task::yield_now().await;
    let made = brew(&order, 1, "2")?;
    drop(order); // taken by value, after it was noted
    Ok(made)
}

struct Shop {
    name: String,
    orders: Vec<String>,
}

impl Shop {
    #[observe]
    fn name(&self) -> &str {
        &self.name
    }

    #[observe(capture_input)]
    fn last_order(&mut self, order: impl Into<String> + serde::Serialize) -> Option<&mut String> {
        self.orders.push(order.into());
        self.orders.last_mut()
    }

    #[observe(capture_output)]
    async fn longest<'a, T: Display + Sync>(&'a self, prefix: &T) -> Option<&'a str> {
        tokio::task::yield_now().await;
        let longest = self.orders.iter().max_by_key(|order| order.len())?;
        longest.strip_prefix(&prefix.to_string())
    }

    #[observe]
    fn boxed<'a>(
        &'a self,
        fail: bool,
    ) -> Pin<Box<dyn Future<Output = Result<usize, String>> + Send + 'a>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if fail {
                return Err("no orders".to_owned());
            }
            Ok(self.orders.len())
        })
    }
}

#[observe]
fn counting(to: u32) -> impl Iterator<Item = u32> {
    0..to
}

#[observe(capture_input)]
fn nothing(_: u32, mut left: u32) {
    left += 1;
    let span = left; // a name that the attribute uses for itself
    Context::annotate("left", span);
}

#[tokio::test]
async fn functions_are_spans_with_what_they_were_told_to_note() {
    let recording = Recording::new();

    let (made, failed) = recording
        .wrap(async {
            (
                serve("latte".to_owned()).await,
                brew("tea", 1, "secret").is_err(),
            )
        })
        .await;

    assert_eq!((made.ok().as_deref(), failed), (Some("3 latte"), true));
    assert_eq!(
        recording.outline().with_all(),
        &*[
            r#"agent serve langfuse.observation.input={"order":"latte"} langfuse.observation.output=3 latte"#,
            r#"  tool brew coffee [DEBUG] langfuse.observation.input={"order":"latte","cups":1} order.size=5 cups=1 langfuse.observation.output=3 latte"#,
            r#"tool brew coffee [ERROR: invalid digit found in string] langfuse.observation.input={"order":"tea","cups":1} order.size=3 cups=1 error.type=core::num::error::ParseIntError langfuse.observation.status_message=invalid digit found in string"#,
            "",
        ]
        .join("\n")
    );
}

#[tokio::test]
async fn methods_borrow_and_lend_as_they_do_without() {
    let recording = Recording::new();
    let mut shop = Shop {
        name: "Monday".to_owned(),
        orders: vec![],
    };

    let _here = recording.attach();
    assert_eq!(shop.name(), "Monday");
    shop.last_order("flat white").unwrap().push('!');
    assert_eq!(shop.longest(&"flat ").await, Some("white!"));
    assert_eq!(shop.boxed(false).await, Ok(1));
    assert_eq!(shop.boxed(true).await.unwrap_err(), "no orders");
    assert_eq!((plain(0), plain(1)), (7, 2));
    assert_eq!(counting(3).sum::<u32>(), 3);
    nothing(1, 1);

    assert_eq!(
        recording.outline().with([
            "langfuse.observation.input",
            "langfuse.observation.output",
            "left"
        ]),
        &*[
            "span name",
            r#"span last_order langfuse.observation.input={"order":"flat white"}"#,
            "span longest langfuse.observation.output=white!",
            "span boxed",
            "span boxed [ERROR: no orders]",
            "span plain",
            "span plain",
            "span counting",
            r#"span nothing langfuse.observation.input={"left":1} left=2"#,
            "",
        ]
        .join("\n")
    );
    assert_eq!(recording.of_type(ObservationType::Tool).len(), 0);
}

#[test]
fn an_observed_future_is_send_and_runs_with_telemetry_off() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }

    let future = is_send(serve("latte".to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let made = runtime.map(|runtime| runtime.block_on(future).ok());

    assert_eq!(made.ok().flatten().as_deref(), Some("3 latte"));
}
