//! Prometheus's text format, in which the box and the hub tell whoever watches machines how they do.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The format's media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Samples of one measure: their labels and their values.
pub type Samples = Vec<(Vec<(&'static str, String)>, f64)>;

/// Writes one measure, as `machiai_<name>`; nothing where there is no sample of it.
#[must_use]
pub fn measure(name: &str, help: &str, samples: &Samples) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let mut text = format!("# HELP machiai_{name} {help}\n# TYPE machiai_{name} gauge\n");
    for (labels, value) in samples {
        let labels: Vec<String> = labels.iter().map(|(name, of)| format!("{name}=\"{}\"", escaped(of))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        text.push_str(&format!("machiai_{name}{labels} {value}\n"));
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The one sample of a measure without labels.
#[must_use]
pub fn one(value: f64) -> Samples {
    vec![(Vec::new(), value)]
}

/// Whether something is so, as a value.
#[must_use]
pub const fn truth(stands: bool) -> f64 {
    if stands { 1.0 } else { 0.0 }
}

/// A count as a value, exact up to 2^53.
#[must_use]
pub fn count(n: u64) -> f64 {
    let half = |n: u64| f64::from(u32::try_from(n & u64::from(u32::MAX)).unwrap_or(u32::MAX));
    half(n >> 32) * 4_294_967_296.0 + half(n)
}

/// A number of things as a value.
#[must_use]
pub fn size(n: usize) -> f64 {
    count(u64::try_from(n).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_written_as_prometheus_reads_it() {
        let samples = vec![(vec![("printer", "a\"b\\c\nd".into())], 1.0)];
        let text = measure("printer_up", "Whether.", &samples);
        let expected = "# HELP machiai_printer_up Whether.\n# TYPE machiai_printer_up gauge\n\
             machiai_printer_up{printer=\"a\\\"b\\\\c\\nd\"} 1\n";
        assert_eq!(text, expected);
        assert!(measure("boards", "Boards.", &one(3.0)).ends_with("\nmachiai_boards 3\n"));
        assert_eq!(measure("nothing", "Nothing.", &Vec::new()), "");
    }

    #[test]
    fn a_count_is_exact_as_far_as_a_box_counts() {
        assert_eq!([count(0), count(4_294_967_295)], [0.0, 4_294_967_295.0]);
        assert_eq!(count(4_294_967_296 * 3 + 7), 12_884_901_895.0);
    }
}
