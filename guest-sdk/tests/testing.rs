//! The stand-in world: what a module's author relies on when testing natively.

use std::{fs, panic};

use lilypad_guest::{
    input_dir, journal,
    journal::JournalError,
    output_dir, random,
    testing::{JOURNAL_BYTES_MAX, Run, World},
    tmp_dir,
};

#[test]
fn files_go_in_and_come_out() {
    let world = World::new().unwrap().file("deep/er/a.txt", "alpha").file("b.bin", [0xff, 0]);
    let run = world
        .run(|| {
            fs::create_dir(output_dir().join("sub")).unwrap();
            fs::copy(input_dir().join("deep/er/a.txt"), output_dir().join("sub/a.txt")).unwrap();
            fs::copy(input_dir().join("b.bin"), output_dir().join("b.bin")).unwrap();
            fs::write(tmp_dir().join("scratch"), "dropped").unwrap();
        })
        .unwrap();
    assert_eq!(run.outputs.keys().collect::<Vec<_>>(), ["b.bin", "sub/a.txt"]);
    assert_eq!(run.outputs["sub/a.txt"], b"alpha");
    assert_eq!(run.outputs["b.bin"], [0xff, 0]);
}

#[test]
fn the_journal_is_appended_whole_or_not_at_all() {
    let run = World::new().unwrap().journal_bytes_max(5).run(|| {
        journal::write(b"abc").unwrap();
        assert_eq!(journal::write(b"def"), Err(JournalError::Full));
        journal::write(b"de").unwrap();
    });
    assert_eq!(run.unwrap().journal, b"abcde");
}

#[test]
fn the_journal_limit_is_that_of_a_job_that_names_none() {
    let limit = lilypad_abi::Limits::default().journal_bytes_max;
    assert_eq!(JOURNAL_BYTES_MAX, usize::try_from(limit).unwrap());
}

#[test]
fn files_are_never_written_into_a_folder_that_is_not_ours() {
    let folder = World::new().unwrap().run(tmp_dir).unwrap().answer;
    let error = World::new().unwrap().input_dir(&folder).file("a", "b").run(|| ()).unwrap_err();
    assert!(error.to_string().contains("not both"), "{error}");
}

#[test]
fn random_follows_the_seed() {
    let draw = |seed| -> Run<([u8; 12], [u8; 12])> {
        World::new().unwrap().seed(seed).run(|| (random(), random())).unwrap()
    };
    assert_eq!(draw(1).answer, draw(1).answer);
    assert_ne!(draw(1).answer, draw(2).answer);
    let (first, second) = draw(1).answer;
    assert_ne!(first, second);
}

#[test]
fn a_world_ends_with_its_run_even_when_the_job_panics() {
    let before = input_dir();
    let mut inside = None;
    let world = World::new().unwrap();
    let caught = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        world.run(|| {
            inside = Some(input_dir());
            assert!(!input_dir().exists(), "a job that fails");
        })
    }));
    assert!(caught.is_err());
    assert_eq!(input_dir(), before);
    assert!(!inside.unwrap().exists(), "the temporary folder is gone");
}
