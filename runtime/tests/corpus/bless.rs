//! Writes the figures of every case of the hostile corpus as they are now, and says which changed.
//!
//! A case that doesn't end as its module says is left alone: endings are never written by a program.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for developers; a panic is how it fails"
)]

#[path = "case.rs"]
mod case;

use lilypad_runtime::{Runtime, RuntimeOptions};

fn main() {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let (mut changed, mut wrong) = (0, 0);
    for case in case::all() {
        let execution = match runtime.run(&case.job) {
            Ok(execution) => execution,
            Err(error) => {
                println!("{}: the host's own fault: {error}", case.name);
                wrong += 1;
                continue;
            }
        };
        let outcome = execution.outcome;
        let said =
            case.says.as_ref().is_none_or(|word| execution.refusal_detail.unwrap_or_default().contains(word));
        if outcome.status != case.ends || !said {
            println!("{}: ended with {:?} and must end with {:?}", case.name, outcome.status, case.ends);
            wrong += 1;
            continue;
        }
        let (now, before) = (case::Figures::of(&outcome), case.figures());
        if before.as_ref() == Some(&now) {
            continue;
        }
        let fuel = before.map_or("new".to_owned(), |before| before.fuel_used.to_string());
        println!("{}: fuel {fuel} -> {}", case.name, now.fuel_used);
        std::fs::write(&case.json, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        changed += 1;
    }
    println!("{changed} changed, {wrong} not as their modules say");
    std::process::exit(i32::from(wrong > 0));
}
