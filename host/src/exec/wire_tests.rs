//! Messages round trip; damaged, cut and hostile ones are errors, never panics.

use super::*;
use lilypad_abi::{BlobDigest, Cid, Codec, Limits, Profile, Status};
use lilypad_runtime::unixfs::folder_cid;
use proptest::prelude::*;

fn folder() -> Folder {
    let mut inner = Folder::default();
    inner.insert_file("large", vec![7; COPY_BYTES_MAX * 3]);
    inner.insert_file("none", vec![]);
    inner.entries.insert("link".into(), Node::Symlink("none".into()));
    let mut folder = Folder::default();
    folder.insert_file("ä", b"text".to_vec());
    folder.entries.insert("inner".into(), Node::Folder(inner));
    folder.entries.insert("empty".into(), Node::Folder(Folder::default()));
    folder
}

fn job() -> ResolvedJob {
    let spec = JobSpec {
        profile: Profile::Lilypad1,
        module: Cid::of(Codec::Raw, b"module"),
        args: vec!["a".into()],
        env: BTreeMap::new(),
        inputs: BTreeMap::from([("/in".into(), folder_cid(&folder()))]),
        stdin: None,
        limits: Limits::default(),
        seed: BlobDigest([1; 32]),
        clock_epoch_ns: 5,
    };
    let inputs = BTreeMap::from([("/in".to_owned(), folder())]);
    ResolvedJob { spec, module: b"module".to_vec(), inputs, stdin: b"in".to_vec() }
}

fn execution() -> Execution {
    let outcome = Outcome {
        job: job().spec.cid().unwrap(),
        profile: Profile::Lilypad1,
        status: Status::Exited { code: 1 },
        fuel_used: 9,
        outputs: folder_cid(&folder()),
        journal: b"j".to_vec(),
    };
    Execution { outcome, outputs: folder(), refusal_detail: Some("why".into()) }
}

fn request() -> Vec<u8> {
    Request::run(&job(), Rewrite::Exact).unwrap().pieces().collect::<Vec<_>>().concat()
}

fn read_job(request: &[u8]) -> Result<(TaskHead, ResolvedJob), WireError> {
    let (head, mut body) = request.split_first_chunk().ok_or(WireError::Bad("head"))?;
    let head = TaskHead::read(head)?;
    Ok((head, head.read_job(&mut body)?))
}

fn answer(answer: &Answer) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_answer(&mut bytes, answer).unwrap();
    let head: [u8; HEAD_BYTES] = bytes[..HEAD_BYTES].try_into().unwrap();
    assert_eq!(answer_length(&head), Ok((bytes.len() - HEAD_BYTES) as u64));
    bytes.split_off(HEAD_BYTES)
}

fn ended() -> Vec<u8> {
    answer(&Answer::Ended(execution()))
}

#[test]
fn tasks_and_answers_round_trip() {
    let (head, read) = read_job(&request()).unwrap();
    let job = job();
    assert_eq!((head.task, head.daemon), (Task::Run(Rewrite::Exact), std::process::id()));
    assert_eq!((read.spec, read.inputs, read.stdin), (job.spec, job.inputs, job.stdin));
    for rewrite in [Rewrite::Fast, Rewrite::Exact] {
        let module = vec![3; COPY_BYTES_MAX + 1];
        let request = Request::compile(&module, rewrite).pieces().collect::<Vec<_>>().concat();
        let (head, mut body) = request.split_first_chunk().unwrap();
        let head = TaskHead::read(head).unwrap();
        assert_eq!(head.task, Task::Compile(rewrite));
        assert_eq!(head.read_module(&mut body).unwrap(), module);
    }
    let Answer::Ended(read) = read_answer(&ended()).unwrap() else { panic!("not ended") };
    assert_eq!((read.outcome, read.outputs), (execution().outcome, execution().outputs));
    assert_eq!(read.refusal_detail.as_deref(), Some("why"));
    assert!(matches!(read_answer(&answer(&Answer::NeedsExact)), Ok(Answer::NeedsExact)));
    let code = answer(&Answer::Compiled(vec![9; 10_000]));
    assert!(matches!(read_answer(&code), Ok(Answer::Compiled(code)) if code == [9; 10_000]));
    for reason in REFUSALS {
        let read = read_answer(&answer(&Answer::Refused(reason, "why".into()))).unwrap();
        assert!(matches!(read, Answer::Refused(same, why) if same == reason && why == "why"));
    }
    let fault = read_answer(&answer(&Answer::Fault("no memory".into()))).unwrap_err();
    assert!(matches!(fault, ExecError::Fault(text) if text == "no memory"));
}

#[test]
fn hostile_answers_are_refused() {
    let refused = |bytes: &[u8], what: &str| {
        let error = read_answer(bytes).unwrap_err();
        assert!(matches!(&error, ExecError::Protocol(reason) if reason.contains(what)), "{what}: {error}");
    };
    refused(b"", "length");
    refused(&[9], "kind of answer");
    let whole = ended();
    refused(&whole[..whole.len() - 1], "length");
    refused(&[whole, vec![0]].concat(), "end of the message");
    // An answer with a folder written by hand.
    let with_folder = |folder: &[u8]| {
        let outcome = execution().outcome.to_block().unwrap();
        [&[ENDED], &(outcome.len() as u64).to_le_bytes()[..], &outcome, folder, &[0; 9]].concat()
    };
    let entry =
        |name: &str| [&(name.len() as u64).to_le_bytes()[..], name.as_bytes(), &[FOLDER], &[0; 8]].concat();
    let two = |a, b| [&2_u64.to_le_bytes()[..], &entry(a), &entry(b)].concat();
    assert!(read_answer(&with_folder(&two("a", "b"))).is_ok());
    refused(&with_folder(&two("b", "a")), "name");
    refused(&with_folder(&two("a", "a")), "name");
    refused(&with_folder(&two("..", "a")), "name");
    refused(&with_folder(&two("a", "a/b")), "name");
    refused(&with_folder(&u64::MAX.to_le_bytes()), "name");
    // Folders in folders without end.
    let mut deep = Vec::new();
    for _ in 0..DEPTH_MAX + 2 {
        deep.extend([&1_u64.to_le_bytes()[..], &1_u64.to_le_bytes(), b"d", &[FOLDER]].concat());
    }
    refused(&with_folder(&deep), "depth");
    assert!(answer_length(b"HTTP/1.1 200 OK\n").is_err());
    assert!(answer_length(TASK_MAGIC.repeat(2).first_chunk().unwrap()).is_err());
}

proptest! {
    #[test]
    fn damaged_messages_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = ended();
        let at_answer = at.index(bytes.len());
        bytes[at_answer] = byte;
        let _ = read_answer(&bytes);
        let mut bytes = request();
        let at_request = at.index(bytes.len());
        bytes[at_request] = byte;
        let _ = read_job(&bytes);
    }

    #[test]
    fn cut_messages_are_errors(at in any::<prop::sample::Index>()) {
        let bytes = ended();
        prop_assert!(read_answer(&bytes[..at.index(bytes.len())]).is_err());
        let bytes = request();
        prop_assert!(read_job(&bytes[..at.index(bytes.len())]).is_err());
    }
}
