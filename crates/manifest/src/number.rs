//! Numbers with a fraction, as whole parts.

use toml::de::DeValue;

/// How many parts the number is, of which so many are one; `None` if it is none, negative, or not exact.
pub(crate) fn parts(value: &DeValue, of_one: u32) -> Option<u32> {
    let number = match value {
        DeValue::Integer(integer) => integer.to_string().parse::<f64>().ok()?,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    let exact = number * f64::from(of_one);
    let parts = exact.round();
    let is_whole = (exact - parts).abs() < 1e-6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (is_whole && (0.0..=f64::from(u32::MAX)).contains(&parts)).then_some(parts as u32)
}
