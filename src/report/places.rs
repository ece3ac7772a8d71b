//! Where rows stand in their input, short: spans of lines, as many as fit.

use std::fmt::Write as _;

use roaring::RoaringTreemap;
use serde::Serialize;

use crate::words::count;

/// How many spans are kept, and so stand in the JSON.
const SPANS_MAX: usize = 200;

/// Where some rows stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Places {
    /// What the numbers count: `line`, on which rows begin, or `row`, where several share a line. Both
    /// from 1.
    pub unit: &'static str,
    /// First and last of each unbroken span, ascending; at most 200.
    pub spans: Vec<(u64, u64)>,
    /// How many rows more there are behind them.
    pub left_out: u64,
}

impl Places {
    /// The spans of `numbers`.
    pub(super) fn of(unit: &'static str, numbers: &RoaringTreemap) -> Self {
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut told = 0;
        for number in numbers {
            let full = spans.len() == SPANS_MAX;
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ if full => break,
                _ => spans.push((number, number)),
            }
            told += 1;
        }
        Self {
            unit,
            spans,
            left_out: numbers.len() - told,
        }
    }

    /// In words, at most `max` spans, such as `lines 47, 52, 60–98 and 13 rows more`.
    pub fn told(&self, max: usize) -> String {
        let mut text = self.unit.to_owned();
        if self.spans.len() > 1 || self.spans.iter().any(|(first, last)| first != last) {
            text.push('s');
        }
        for (place, (first, last)) in self.spans.iter().take(max).enumerate() {
            text.push_str(if place == 0 { " " } else { ", " });
            // Writing to a string cannot fail; so below.
            let _ = match last - first {
                0 => write!(text, "{first}"),
                1 => write!(text, "{first}, {last}"),
                _ => write!(text, "{first}–{last}"),
            };
        }
        let behind = self.spans.iter().skip(max);
        let more = self.left_out + behind.map(|(first, last)| last - first + 1).sum::<u64>();
        if more > 0 {
            let _ = write!(text, " and {} more", count(more, "row"));
        }
        text
    }
}
