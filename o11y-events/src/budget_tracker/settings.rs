//! The settings that all trackers have.

/// Writes the builder methods of a tracker that keeps a [`Watch`](super::Watch) in `watch`.
macro_rules! settings {
    () => {
        /// Watches only the calls of a module, a trace, a session or a user.
        ///
        /// Defaults to all calls on the bus.
        pub fn scoped(mut self, scope: impl Into<$crate::Scope>) -> Self {
            self.watch.settings.scope = Some(scope.into());
            self
        }

        /// What a call is taken to use at most if it does not say so itself, by an estimate or by
        /// the most tokens of its answer. It runs on the caller's thread and must not block.
        ///
        /// Defaults to nothing: such a call is admitted as long as anything is left.
        pub fn estimate_by(
            mut self,
            estimate: impl Fn(&o11y_core::Event) -> $crate::Ask + Send + Sync + 'static,
        ) -> Self {
            self.watch.settings.estimate = Some(std::sync::Arc::new(estimate));
            self
        }

        /// Takes a call that does not say what it may use to give as many tokens as its model can,
        /// if [`Pricing::max_output_tokens`](crate::Pricing::max_output_tokens) knows.
        ///
        /// Defaults to nothing, as above; [`estimate_by`](Self::estimate_by) comes first.
        pub fn assume_model_maximum(mut self) -> Self {
            self.watch.settings.assume_maximum = true;
            self
        }

        /// Prices calls that do not say what they cost by this table, at the service tier that the
        /// answer names, or else the request; at the standard one if neither does.
        ///
        /// Defaults to [`Pricing::builtin`](crate::Pricing::builtin) if the budget, or any other of
        /// its tree, limits money; else calls are not priced.
        pub fn pricing(mut self, pricing: $crate::Pricing) -> Self {
            self.watch.settings.prices = Some($crate::budget_tracker::Prices::Table(pricing));
            self
        }

        /// Like [`pricing`](Self::pricing), by the provider, the model and the tokens; `None` if
        /// that has no price. It runs on the caller's thread and must not block.
        pub fn priced_by(
            mut self,
            price: impl Fn(Option<&str>, &str, &o11y_core::Usage) -> Option<o11y_core::Cost>
            + Send
            + Sync
            + 'static,
        ) -> Self {
            self.watch.settings.prices = Some($crate::budget_tracker::Prices::by(price));
            self
        }

        /// Charges an answered call that does not tell its tokens with what it asked for.
        ///
        /// Defaults to nothing: such a call is only counted, see
        /// [`BudgetSnapshot::unmetered`](crate::BudgetSnapshot::unmetered).
        pub fn charge_unmetered(mut self) -> Self {
            self.watch.settings.charge_unmetered = true;
            self
        }

        /// Gives up calls that are under way for longer than this, looked for at most eight times
        /// in that time, when another call begins: their end may never come. If it comes after all,
        /// what they used is added all the same.
        ///
        /// Defaults to never; beyond 65,536 calls under way the oldest are given up.
        pub fn expire_after(mut self, age: std::time::Duration) -> Self {
            self.watch.settings.expiry = Some(age);
            self
        }
    };
}

pub(crate) use settings;
