//! The board over restarts, and its bounds.

use super::*;
use crate::bacalhau_api::life;
use std::path::Path;

fn open(path: &Path) -> Board {
    Board::open(Journal::open(path).unwrap(), 3, 2).unwrap()
}

fn submission(number: i64, name: &str, digest: &str) -> (Job, Life) {
    let id = format!("j-{number:08}-rest");
    let job = Job { id: id.clone(), name: name.into(), namespace: "default".into(), ..Job::default() };
    let mut life = Life {
        id,
        name: name.into(),
        namespace: "default".into(),
        labels: BTreeMap::new(),
        state: State::default(),
        create_ns: number,
        modify_ns: number,
        revision: 0,
        executions: Vec::new(),
        history: Vec::new(),
        outputs: None,
        results_key: format!("key-{number}"),
        digest: digest.into(),
    };
    life::submitted(&mut life, number);
    (job, life)
}

fn add(board: &Board, number: i64, name: &str, digest: &str) -> Result<(), AddError> {
    let (job, life) = submission(number, name, digest);
    board.add(job, life, false)
}

fn end(board: &Board, number: i64) {
    board.update(&format!("j-{number:08}-rest"), |life| life::stopped(life, "", number)).unwrap();
}

#[test]
fn jobs_are_found_again_and_what_ended_stays_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    let board = open(&path);
    add(&board, 1, "one", "a").unwrap();
    add(&board, 2, "two", "b").unwrap();
    board.update("j-00000001-rest", |life| life::started(life, "e-1".into(), "here", 3)).unwrap();
    end(&board, 2);
    drop(board);
    let board = open(&path);
    let one = board.find("one", "default").unwrap();
    assert_eq!((one.state.state_type, one.executions.len()), (JobStateType::Running, 1));
    assert_eq!(board.job(&one).unwrap().name, "one");
    assert_eq!(board.find("j-00000001", "default").unwrap().id, one.id);
    assert!(board.find("j-0000000", "default").is_none(), "too short to be an id");
    assert!(board.find("one", "other").is_none());
    assert_eq!(board.by_key("key-2").unwrap().name, "two");
    let again = board.update("j-00000002-rest", |life| life::failed(life, "late", 9)).unwrap().unwrap();
    assert_eq!(again.state.state_type, JobStateType::Stopped);
    assert_eq!(board.open_jobs().len(), 1);
}

#[test]
fn names_are_taken_while_jobs_are_open_and_the_oldest_ended_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    let board = open(&path);
    add(&board, 1, "one", "a").unwrap();
    assert!(matches!(add(&board, 2, "one", "a"), Err(AddError::Same(..))));
    assert!(matches!(add(&board, 2, "one", "b"), Err(AddError::Name(_))));
    add(&board, 2, "two", "b").unwrap();
    assert!(matches!(add(&board, 3, "three", "c"), Err(AddError::Full(2))));
    for number in [1, 2] {
        end(&board, number);
    }
    add(&board, 3, "one", "changed").unwrap();
    assert_eq!(board.find("one", "default").unwrap().create_ns, 3, "the name is the newest's");
    add(&board, 4, "four", "d").unwrap();
    assert!(board.life("j-00000001-rest").is_none() && board.by_key("key-1").is_none());
    drop(board);
    let board = open(&path);
    let query = Query { namespace: "*".into(), take: 2, ..Query::default() };
    let (page, more) = board.list(&query);
    assert_eq!((page.iter().map(|life| life.create_ns).collect::<Vec<_>>(), more), (vec![4, 3], true));
    let (page, more) = board.list(&Query { oldest_first: true, skip: 2, ..query });
    assert_eq!((page.iter().map(|life| life.create_ns).collect::<Vec<_>>(), more), (vec![4], false));
}
