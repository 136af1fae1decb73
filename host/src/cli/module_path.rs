//! A Lilypad module's template from a folder or a git repository, at a commit: the text alone, nothing of it is run.

use super::usage;
use anyhow::Context as _;
use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
};

/// The file that makes a folder a module.
const TEMPLATE: &str = "lilypad_module.json.tmpl";

/// Most bytes of a template; real ones have a few thousand.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;

/// What git may talk; `ext` would run programs that an address names.
const PROTOCOLS: &str = "https:http:ssh:git:file";

/// The template of the module at `place`, a folder or a git URL, as it was at `commit`.
pub(super) fn template(place: &str, commit: Option<&str>) -> anyhow::Result<String> {
    if let Some(commit) = commit.filter(|commit| !is_commit(commit)) {
        return Err(usage(format!(
            "'{commit}' is not a commit: give all 40 hex digits, which `git rev-parse HEAD` prints; a tag or a branch \
             can move"
        )));
    }
    let is_url = place.contains("://") || place.starts_with("git@");
    match (is_url, commit) {
        (true, None) => Err(usage(format!(
            "a module from {place} must be pinned, so that it can't change under its name; give --module-commit"
        ))),
        (true, Some(commit)) => from_url(place, commit),
        (false, Some(commit)) => show(Path::new(place), commit),
        (false, None) => from_folder(Path::new(place)),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

fn from_folder(folder: &Path) -> anyhow::Result<String> {
    let path = if folder.is_dir() { folder.join(TEMPLATE) } else { folder.to_owned() };
    let bad = |why: String| usage(format!("module template {} can't be used: {why}", path.display()));
    let file = fs::File::open(&path).map_err(|error| bad(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(TEMPLATE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| bad(error.to_string()))?;
    checked(bytes).map_err(bad)
}

fn checked(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > TEMPLATE_BYTES_MAX {
        return Err(format!("it has more than {TEMPLATE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Fetches the one commit into a repository of its own, which is gone afterwards.
fn from_url(url: &str, commit: &str) -> anyhow::Result<String> {
    let scratch = std::env::temp_dir().join(format!("lilypad-module-{}", std::process::id()));
    let fetched = (|| {
        fs::create_dir(&scratch).with_context(|| format!("can't make {}", scratch.display()))?;
        git(&scratch, &["init", "--quiet", "--bare", "."])?;
        // `--` keeps an address from being taken for an option.
        git(&scratch, &["fetch", "--quiet", "--depth", "1", "--no-tags", "--", url, commit])?;
        show(&scratch, commit)
    })();
    let _ = fs::remove_dir_all(&scratch);
    fetched
}

fn show(repository: &Path, commit: &str) -> anyhow::Result<String> {
    let bytes = git(repository, &["show", &format!("{commit}:./{TEMPLATE}")])
        // A bare repository has no current folder.
        .or_else(|_| git(repository, &["show", &format!("{commit}:{TEMPLATE}")]))?;
    checked(bytes).map_err(|why| usage(format!("{TEMPLATE} at {commit} can't be used: {why}")))
}

/// What git says; it asks nobody anything, reads no hooks and follows no exotic protocol.
fn git(folder: &Path, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=all"])
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| usage(format!("git can't be started ({error}); install it, or give a folder")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(usage(format!("git {} failed: {}", args[0], said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| String::from_utf8(git(dir.path(), args).unwrap()).unwrap();
        run(&["init", "--quiet", "."]);
        fs::write(dir.path().join(TEMPLATE), "first").unwrap();
        run(&["add", "."]);
        run(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "x"]);
        let commit = run(&["rev-parse", "HEAD"]).trim().to_owned();
        fs::write(dir.path().join(TEMPLATE), "second").unwrap();
        (dir, commit)
    }

    #[test]
    fn a_folder_gives_what_it_has_and_a_commit_what_it_had() {
        let (dir, commit) = repository();
        let place = dir.path().to_str().unwrap();
        assert_eq!(template(place, None).unwrap(), "second");
        assert_eq!(template(place, Some(&commit)).unwrap(), "first");
        let file = dir.path().join(TEMPLATE);
        assert_eq!(template(file.to_str().unwrap(), None).unwrap(), "second");
    }

    #[test]
    fn a_url_must_be_pinned_and_can_be_fetched() {
        let (dir, commit) = repository();
        let url = format!("file://{}", dir.path().display());
        assert_eq!(template(&url, Some(&commit)).unwrap(), "first");
        assert!(template(&url, None).unwrap_err().to_string().contains("--module-commit"));
        for commit in ["main", "HEAD", &commit[..7], "--upload-pack=x"] {
            assert!(template(&url, Some(commit)).unwrap_err().to_string().contains("40 hex digits"));
        }
        assert!(template(&url, Some(&"0".repeat(40))).is_err());
        let bad = "ext::sh -c touch% /tmp/x://";
        assert!(template(bad, Some(&commit)).unwrap_err().to_string().contains("not allowed"));
    }

    #[test]
    fn what_is_no_module_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = template(dir.path().to_str().unwrap(), None).unwrap_err().to_string();
        assert!(error.contains(TEMPLATE), "{error}");
    }
}
