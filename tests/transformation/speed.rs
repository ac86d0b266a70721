//! How fast metrics are transformed, in a release build: `cargo test --release --test transformation speed:: -- --ignored --nocapture`.

use std::time::Instant;

use expmig::transformation::{Metric, Outcome, Rules};
use expmig::values::Value;

/// Documents like those of a classifier, all different.
fn documents(count: usize) -> Vec<Metric> {
    let label = |document: usize, label: usize| format!("0.{:016}", (document * 31 + label * 977) % 1_000_000_007);
    let text = |document: usize| {
        let labels: Vec<String> = (0..8).map(|at| format!("\"class_{at}\": {}", label(document, at))).collect();
        let averages = [label(document, 8), label(document, 9)];
        format!("{{{}, \"macro\": {}, \"micro\": {}}}", labels.join(", "), averages[0], averages[1])
    };
    let metric = |document| Metric {
        id: document as i64,
        kind: b"accuracy".to_vec(),
        total_val: Value::Real(0.5),
        per_label_val: Value::Text(text(document).into_bytes()),
    };
    (0..count).map(metric).collect()
}

/// The time that this thread has been running on a processor: what others do meanwhile does not count. Linux has it.
fn processor_seconds() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds: f64 = schedstat.split(' ').next().and_then(|field| field.parse().ok()).expect("nanoseconds");
    nanoseconds / 1e9
}

fn measure(name: &str, params: &str, metrics: &[Metric], rounds: usize) {
    let rules = Rules::single(name, Some(params), &|_| false).expect("the rules are right");
    let mut transform = rules.rules[0].transform().expect("it is built in");
    let (start, on_processor) = (Instant::now(), processor_seconds());
    let mut changed = 0;
    for metric in (0..rounds).flat_map(|_| metrics) {
        changed += usize::from(matches!(transform.apply(metric), Outcome::Changed { .. }));
    }
    let (seconds, on_processor) = (start.elapsed().as_secs_f64(), processor_seconds() - on_processor);
    assert_eq!(changed, metrics.len() * rounds, "{name} changes each of them");
    let count = metrics.len() * rounds;
    println!("{name:20} {count:8} documents of 10 keys: {on_processor:.3} s of processor, {seconds:.3} s in all");
}

#[test]
#[ignore = "prints times, and asserts none"]
fn times_for_a_million_documents() {
    let metrics = documents(100_000);
    measure("normalize_json_keys", r#"{"key_mapping": {"macro": "macro_avg", "micro": "micro_avg"}}"#, &metrics, 10);
    let all: Vec<String> = (0..8).map(|at| format!("\"class_{at}\": \"label_{at}\"")).collect();
    measure("normalize_json_keys", &format!("{{\"key_mapping\": {{{}}}}}", all.join(", ")), &metrics, 10);
    measure("legacy_to_per_label", r#"{"split_by": "ass_"}"#, &metrics, 10);
    measure("add_metadata", r#"{"metadata": {"aggregation_method": "mean"}}"#, &metrics, 10);
    measure("scale", r#"{"factor": 100}"#, &metrics, 1);
    measure("round", r#"{"digits": 3}"#, &metrics, 1);
    measure("aggregate", r#"{"function": "mean"}"#, &metrics, 1);
}
