//! The same customers, served in turn or at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use o11y_core::Usage;
use tokio::task::JoinSet;

use crate::{
    error::ShopError,
    shop::{CUSTOMERS, Served, Shop, Visit},
};

pub struct Run {
    /// In the order in which they came in.
    pub visits: Vec<Visit>,
    pub took: Duration,
}

impl Run {
    /// One after the other; the first failure ends it.
    pub async fn in_turn(shop: &Shop, name: &'static str) -> Self {
        let start = Instant::now();
        let mut visits = Vec::new();
        for customer in &CUSTOMERS {
            let visit = shop.handle_customer(customer, name).await;
            let failed = visit.outcome.is_err();
            visits.push(visit);
            if failed {
                break;
            }
        }
        let took = start.elapsed();
        Self { visits, took }
    }

    /// A task for each customer.
    pub async fn at_once(shop: &Arc<Shop>, name: &'static str) -> Self {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for customer in &CUSTOMERS {
            let shop = Arc::clone(shop);
            tasks.spawn(async move { shop.handle_customer(customer, name).await });
        }
        let mut visits = tasks.join_all().await;
        let took = start.elapsed();
        let place = |visit: &Visit| {
            CUSTOMERS
                .iter()
                .position(|one| one.name == visit.customer.name)
        };
        visits.sort_by_key(place);
        Self { visits, took }
    }

    pub fn served(&self) -> impl Iterator<Item = &Served> {
        self.visits
            .iter()
            .filter_map(|visit| visit.outcome.as_ref().ok())
    }

    pub fn stopped_by(&self) -> Option<&ShopError> {
        self.visits
            .iter()
            .find_map(|visit| visit.outcome.as_ref().err())
    }

    /// The run itself if nobody was turned away, or else why the first one was.
    pub fn all_served(mut self) -> Result<Self, ShopError> {
        if let Some(place) = self.visits.iter().position(|visit| visit.outcome.is_err()) {
            self.visits.swap_remove(place).outcome?;
        }
        Ok(self)
    }

    pub fn usage(&self) -> Usage {
        self.served().map(|served| served.usage).sum()
    }
}
