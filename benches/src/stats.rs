//! Medians, percentiles, and the order and number of interleaved rounds.

use std::time::{Duration, Instant};

/// The middle value; NaN when there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the given share lies; NaN when there is none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// The smallest and the largest value; NaN when there is none.
pub(crate) fn extremes(values: &[f64]) -> (f64, f64) {
    (values.iter().copied().fold(f64::NAN, f64::min), values.iter().copied().fold(f64::NAN, f64::max))
}

/// Every round runs everyone, each round beginning with another one, so that drift hits all alike.
pub(crate) fn interleaved(rounds: usize, contestants: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rounds).flat_map(move |round| (0..contestants).map(move |place| (round, (round + place) % contestants)))
}

/// Keeps a bench within its time on a slow or busy machine: after that, no rounds beyond the second.
#[derive(Debug)]
pub(crate) struct Clock {
    until: Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn of_seconds(seconds: u64) -> Self {
        Self { until: Instant::now() + Duration::from_secs(seconds) }
    }

    /// Whether this round, counted from 0, may still run.
    pub(crate) fn permits(&self, round: usize) -> bool {
        round < 2 || Instant::now() < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn every_round_runs_everyone() {
        let order: Vec<_> = interleaved(2, 3).collect();
        assert_eq!(order, [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 0)]);
    }
}
