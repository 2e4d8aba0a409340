//! `[services.X.limits]`: what one instance may use.

use model::{ByteSize, spec::Limits};
use toml::de::DeValue;

use crate::{keys::LIMITS, read::Cx, table::Entry};

const MEMORY_MIN: ByteSize = ByteSize(1 << 20);
const CPU_MILLIS: std::ops::RangeInclusive<f64> = 10.0..=1_024_000.0;

/// The limits.
pub(crate) fn read<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>, name: String) -> Limits {
    let Some(table) = cx.table(entry, name) else { return Limits::default() };
    table.check_keys(cx, &LIMITS);
    let memory = table.get("memory").and_then(|entry| memory(cx, &entry));
    let cpu_millis = table.get("cpu").and_then(|entry| cpu(cx, &entry));
    Limits { memory, cpu_millis }
}

fn memory<'a>(cx: &mut Cx<'a>, entry: &Entry<'a>) -> Option<ByteSize> {
    let size = cx.size(entry)?;
    if size < MEMORY_MIN {
        let message = format!("{size} of memory is less than any program needs");
        cx.report.error(&entry.span, message).hint(format!("write at least {MEMORY_MIN}"));
    }
    Some(size)
}

/// Cores in thousandths.
pub(crate) fn cpu(cx: &mut Cx, entry: &Entry) -> Option<u32> {
    let cores = match entry.value {
        DeValue::Integer(integer) => integer.to_string().parse::<f64>().ok(),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    };
    let millis = cores.map(|cores| (cores * 1000.0).round()).filter(|millis| CPU_MILLIS.contains(millis));
    if millis.is_none() {
        let hint = "write a number of cores between 0.01 and 1024, such as `cpu = 0.5`";
        cx.report.error(&entry.span, "`cpu` must be a number of cores").hint(hint);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    millis.map(|millis| millis as u32)
}
