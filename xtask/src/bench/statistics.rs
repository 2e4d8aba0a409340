//! What repeated measurements say.

/// The mean of ratios and where it lies with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) mean: f64,
    pub(super) high: f64,
}

/// Student's t for a two-sided interval of 95 %, by degrees of freedom from 1 (any table of the distribution).
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same for many degrees of freedom.
const T_LIMIT: f64 = 1.96;

/// The interval of the mean ratio of pairs. Ratios multiply, so the mean is that of their logarithms.
pub(super) fn ratio(ours: &[f64], theirs: &[f64]) -> Interval {
    let logarithms: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| (ours / theirs).ln()).collect();
    let Interval { low, mean, high } = interval(&logarithms);
    Interval { low: low.exp(), mean: mean.exp(), high: high.exp() }
}

/// The interval of the mean; it has no width with fewer than two values.
pub(super) fn interval(values: &[f64]) -> Interval {
    let count = count(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let freedom = values.len().saturating_sub(1);
    let half = match freedom {
        0 => 0.0,
        _ => {
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let t = T.get(freedom - 1).copied().unwrap_or(T_LIMIT);
            t * (squares / self::count(freedom) / count).sqrt()
        }
    };
    Interval { low: mean - half, mean, high: mean + half }
}

fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (values, expected) in [
            (&[3.0][..], (3.0, 3.0, 3.0)),
            (&[5.0, 5.0, 5.0], (5.0, 5.0, 5.0)),
            (&[1.0, 2.0, 3.0], (-0.484, 2.0, 4.484)),
            (&[1.0, 3.0], (-10.706, 2.0, 14.706)),
        ] {
            let Interval { low, mean, high } = interval(values);
            for (is, should) in [(low, expected.0), (mean, expected.1), (high, expected.2)] {
                assert!((is - should).abs() < 1e-3, "{values:?}: {is} instead of {should}");
            }
        }
    }

    #[test]
    fn ratios_multiply() {
        let Interval { low, mean, high } = ratio(&[2.0, 8.0], &[1.0, 1.0]);
        assert!((mean - 4.0).abs() < 1e-9 && (low * high - 16.0).abs() < 1e-9, "{low} {mean} {high}");
    }
}
