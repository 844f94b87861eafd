//! The control: the copies of text that everybody has to make, and nothing else.

use std::hint::black_box;

use super::Contender;
use crate::workload::Texts;

pub struct Copies;

impl Contender for Copies {
    fn w1(&self, texts: &Texts, number: i64) {
        black_box((texts.s1.clone(), texts.s2.clone(), number));
    }

    fn w2(&self, texts: &Texts, number: i64) {
        for _ in 0..3 {
            black_box((texts.owned(), number));
        }
    }

    fn finish(&self) -> Option<u64> {
        None
    }
}
