//! Every case of the corpus, on every back end, against what was reviewed.

use crate::{
    case::{self, Case, Figures},
    run,
};

/// What is wrong with a case; nothing when all is well.
fn complaint(case: &Case) -> Option<String> {
    let execution = run(&case.job, &case.name);
    let outcome = &execution.outcome;
    if outcome.status != case.ends {
        return Some(format!("ended with {:?} and must end with {:?}", outcome.status, case.ends));
    }
    if let Some(word) = &case.says {
        let detail = execution.refusal_detail.unwrap_or_default();
        if !detail.contains(word) {
            return Some(format!("no '{word}' in: {detail}"));
        }
    }
    let (now, reviewed) = (Figures::of(outcome), case.figures());
    match reviewed {
        None => Some("has no figures yet: run the example 'bless-corpus'".to_owned()),
        Some(reviewed) if reviewed != now => {
            Some(format!("gives {now:#?}\nwhere this was reviewed: {reviewed:#?}"))
        }
        Some(_) => None,
    }
}

#[test]
fn every_case_ends_as_reviewed() {
    let cases = case::all();
    assert!(cases.len() >= 60, "the corpus has only {} cases: some are not found", cases.len());
    let complaints: Vec<String> = cases
        .iter()
        .filter_map(|case| complaint(case).map(|complaint| format!("{}: {complaint}", case.name)))
        .collect();
    assert!(
        complaints.is_empty(),
        "{} of {} cases:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
}

#[test]
fn no_figures_are_left_behind() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for theme in
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in std::fs::read_dir(theme).unwrap().map(|entry| entry.unwrap().path()) {
            assert!(file.with_extension("wat").exists(), "{} has no module", file.display());
        }
    }
}
