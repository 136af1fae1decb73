//! Least squares with no negative answers, and how well a price fits.

/// Finds `x >= 0` for which `a * x` comes closest to `b`, each row weighed by `weight / b`: errors count in proportion.
pub(crate) fn non_negative(rows: &[Vec<f64>], b: &[f64], weights: &[f64]) -> Vec<f64> {
    let unknowns = rows.first().map_or(0, Vec::len);
    let scaled: Vec<Vec<f64>> = rows
        .iter()
        .zip(b)
        .zip(weights)
        .map(|((row, b), weight)| row.iter().map(|value| value * weight / b).collect())
        .collect();
    let mut x = vec![0.0; unknowns];
    let mut rest: Vec<f64> = weights.to_vec();
    // One unknown after another, each to its best: the sum of squares is convex, so this arrives.
    for _ in 0..20_000 {
        let mut moved = 0.0_f64;
        for unknown in 0..unknowns {
            let (mut along, mut square) = (0.0, 0.0);
            for (row, rest) in scaled.iter().zip(&rest) {
                along += row[unknown] * rest;
                square += row[unknown] * row[unknown];
            }
            if square == 0.0 {
                continue;
            }
            let next = (x[unknown] + along / square).max(0.0);
            let step = next - x[unknown];
            if step != 0.0 {
                x[unknown] = next;
                moved = moved.max(step.abs());
                for (row, rest) in scaled.iter().zip(&mut rest) {
                    *rest -= row[unknown] * step;
                }
            }
        }
        if moved < 1e-9 {
            break;
        }
    }
    x
}

/// How well one price of a unit explains what was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// Nanoseconds of one unit: the geometric mean.
    pub(crate) unit_ns: f64,
    /// Standard deviation of the logarithm, as a factor.
    pub(crate) factor: f64,
    /// Share of the variance that the price explains, over times.
    pub(crate) r_squared: f64,
}

/// Compares units (fuel, or predicted nanoseconds) with nanoseconds.
pub(crate) fn quality(units: &[f64], ns: &[f64]) -> Quality {
    let count = super::common::float(units.len() as u64);
    let logs: Vec<f64> = units.iter().zip(ns).map(|(unit, ns)| (ns / unit).ln()).collect();
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / count;
    let unit_ns = mean.exp();
    let average = ns.iter().sum::<f64>() / count;
    let total: f64 = ns.iter().map(|ns| (ns - average).powi(2)).sum();
    let rest: f64 = units.iter().zip(ns).map(|(unit, ns)| (ns - unit * unit_ns).powi(2)).sum();
    Quality { unit_ns, factor: variance.sqrt().exp(), r_squared: 1.0 - rest / total }
}
