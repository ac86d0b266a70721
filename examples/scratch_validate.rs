use expmig::{Database, OpenOptions, ValidateOptions, validation};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let db = Database::open(&args[1], OpenOptions::default()).unwrap();
    let experiment = args.get(2).and_then(|t| t.parse().ok());
    let t = std::time::Instant::now();
    let report = validation::validate(
        &db,
        ValidateOptions { experiment, issue_limit: 20, ..Default::default() },
        &mut |_, _, _| Ok(()),
    )
    .unwrap();
    println!("{:#}", report.to_json());
    eprintln!("{:?}", t.elapsed());
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("{}", s.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
