//! Reading folders: order, cookies, tiny buffers, changes under way.

use super::*;

/// One entry as the guest reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    next: u64,
    inode: u64,
    file_type: u8,
    name: String,
}

impl Guest {
    /// Whole entries that fit the buffer, and how much of it was used.
    fn readdir(&mut self, fd: u64, len: u64, cookie: u64) -> (Vec<Entry>, u64) {
        self.call("fd_readdir", &[fd, DATA_AT, len, cookie, RESULT_AT]).unwrap();
        let used = self.get_u32(RESULT_AT) as usize;
        let mut bytes = self.get(DATA_AT, used);
        let mut entries = Vec::new();
        while let Some((head, rest)) = bytes.split_at_checked(24) {
            let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
            let name_len = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
            let Some((name, rest)) = rest.split_at_checked(name_len) else { break };
            entries.push(Entry {
                next: number(0),
                inode: number(8),
                file_type: head[20],
                name: String::from_utf8(name.to_vec()).unwrap(),
            });
            bytes = rest;
        }
        (entries, used as u64)
    }

    /// Reads to the end through a buffer of this size, as libc does.
    pub(super) fn names(&mut self, fd: u64, len: u64) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let (entries, used) = self.readdir(fd, len, cookie);
            cookie = entries.last().map_or(cookie, |entry| entry.next);
            names.extend(entries.into_iter().map(|entry| entry.name));
            if used < len {
                return names;
            }
        }
    }
}

const INPUT_NAMES: [&str; 11] =
    [".", "..", "absolute", "dangling", "dir", "dirlink", "escape", "hello.txt", "link", "loop", "loop2"];

#[test]
fn names_come_in_byte_order_through_any_buffer() {
    let mut guest = Guest::new();
    // 33 bytes is the longest entry; one more lets the reader see that it is whole.
    for len in [34, 35, 50, 64, 100, 4_096] {
        assert_eq!(guest.names(IN, len), INPUT_NAMES, "{len}");
    }
}

#[test]
fn a_buffer_too_small_for_one_entry_is_filled() {
    let mut guest = Guest::new();
    for len in [0, 1, 23, 24] {
        let (entries, used) = guest.readdir(IN, len, 0);
        assert_eq!((entries.len(), used), (0, len));
    }
    let (entries, used) = guest.readdir(IN, 25, 0);
    assert_eq!((entries[0].name.as_str(), used), (".", 25));
}

#[test]
fn entries_agree_with_stat() {
    let mut guest = Guest::new();
    let (entries, _) = guest.readdir(IN, 4_096, 0);
    for entry in &entries[2..] {
        let stat = guest.stat(IN, &entry.name, 0).unwrap();
        assert_eq!((entry.inode, entry.file_type), (stat.inode, stat.file_type), "{}", entry.name);
    }
    let root = guest.fd_stat(IN).unwrap().inode;
    assert_eq!((entries[0].inode, entries[1].inode), (root, root));
    let dir = guest.open(IN, "dir").unwrap();
    let (entries, _) = guest.readdir(dir, 4_096, 0);
    assert_eq!(entries[1].inode, root);
}

#[test]
fn a_cookie_resumes_after_its_entry() {
    let mut guest = Guest::new();
    let (entries, _) = guest.readdir(IN, 4_096, 0);
    for (index, entry) in entries.iter().enumerate() {
        let (rest, _) = guest.readdir(IN, 4_096, entry.next);
        assert_eq!(rest, entries[index + 1..]);
        // On a descriptor that has listed nothing yet, too.
        let fresh = guest.open(IN, ".").unwrap();
        assert_eq!(guest.readdir(fresh, 4_096, entry.next).0, entries[index + 1..]);
        guest.close(fresh).unwrap();
    }
    for cookie in [12, 1 << 40, u64::MAX] {
        assert_eq!(guest.readdir(IN, 4_096, cookie), (Vec::new(), 0));
    }
}

#[test]
fn removing_while_listing_skips_nothing() {
    let mut guest = Guest::with(Limits::default());
    for index in 0..100 {
        guest.file(OUT, &format!("file{index:03}"), b"");
    }
    let (mut cookie, mut removed) = (0, 0);
    loop {
        let (entries, used) = guest.readdir(OUT, 200, cookie);
        for entry in &entries {
            cookie = entry.next;
            if entry.name.starts_with("file") {
                guest.unlink(OUT, &entry.name).unwrap();
                removed += 1;
            }
        }
        if used < 200 {
            break;
        }
    }
    assert_eq!(removed, 100);
    assert!(guest.finish().out.entries.is_empty());
}

#[test]
fn what_is_added_shows_from_the_start() {
    let mut guest = Guest::new();
    guest.file(OUT, "b", b"");
    assert_eq!(guest.names(OUT, 4_096), [".", "..", "b"]);
    guest.file(OUT, "a", b"");
    assert_eq!(guest.readdir(OUT, 4_096, 2).0.len(), 1);
    assert_eq!(guest.names(OUT, 4_096), [".", "..", "a", "b"]);
}

#[test]
fn listings_are_given_back() {
    let mut guest = Guest::new();
    for _ in 0..10 {
        let fd = guest.open(IN, ".").unwrap();
        guest.names(fd, 100);
        guest.names(fd, 100);
        assert_eq!(guest.world.listed_names, 9);
        guest.close(fd).unwrap();
        assert_eq!(guest.world.listed_names, 0);
    }
}

#[test]
fn listings_of_all_descriptors_together_have_an_end() {
    let mut guest = Guest::new();
    // As if other descriptors held all but 8 names; the folder has 9.
    guest.world.listed_names = super::super::listing::LISTED_NAMES_MAX - 8;
    assert_eq!(guest.call("fd_readdir", &[IN, DATA_AT, 100, 0, RESULT_AT]), errno(Errno::Nomem));
    guest.world.listed_names -= 1;
    assert_eq!(guest.readdir(IN, 4_096, 0).0.len(), 11);
}

#[test]
fn listing_is_paid_for_by_the_entry() {
    let mut guest = Guest::with(Limits::default());
    for index in 0..1_000 {
        guest.file(OUT, &index.to_string(), b"");
    }
    let before = guest.fuel_left;
    guest.readdir(OUT, 24, 0);
    assert!(before - guest.fuel_left > 1_000 * 50);
}

#[test]
fn only_folders_are_listed() {
    let mut guest = Guest::new();
    let file = guest.open(IN, "hello.txt").unwrap();
    for fd in [file, STDIN] {
        assert_eq!(guest.call("fd_readdir", &[fd, DATA_AT, 100, 0, RESULT_AT]), errno(Errno::Notdir));
    }
}
