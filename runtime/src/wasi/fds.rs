//! The descriptor table: numbers to open things, always the smallest free number first.

use super::{
    fs::InodeId,
    types::{Errno, rights},
};
use std::{collections::BTreeSet, sync::Arc};

/// Most descriptors open at once beside the preopens, as is usual elsewhere; one more is `EMFILE`.
pub(super) const DESCRIPTORS_MAX: usize = 1_024;

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Stdin,
    Stdout,
    Stderr,
    File(InodeId),
    Folder(InodeId),
}

/// A folder's names as they were when its listing began, so that removing entries while listing skips none.
pub(super) type Listing = Vec<Arc<str>>;

/// An open thing.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) object: Object,
    pub(super) rights: u64,
    /// What descriptors opened through this folder can have at most.
    pub(super) rights_inheriting: u64,
    pub(super) flags: u32,
    /// Where the next read or write of a file begins.
    pub(super) offset: u64,
    /// The name under which the guest was given the folder.
    pub(super) preopen: Option<String>,
    pub(super) listing: Option<Listing>,
}

impl Descriptor {
    pub(super) const fn new(object: Object, rights: u64, rights_inheriting: u64, flags: u32) -> Self {
        Self { object, rights, rights_inheriting, flags, offset: 0, preopen: None, listing: None }
    }

    /// The inode that this holds open.
    pub(super) const fn inode(&self) -> Option<InodeId> {
        match self.object {
            Object::File(id) | Object::Folder(id) => Some(id),
            Object::Stdin | Object::Stdout | Object::Stderr => None,
        }
    }

    /// The folder behind, if the descriptor has the rights for this use of it.
    pub(super) fn folder(&self, needed: u64) -> Result<InodeId, Errno> {
        let Object::Folder(id) = self.object else { return Err(Errno::Notdir) };
        if self.rights & needed == needed { Ok(id) } else { Err(Errno::Notcapable) }
    }

    /// `EBADF` unless the descriptor may be used so, as POSIX answers reads of what is open for writing only.
    pub(super) const fn allow(&self, needed: u64) -> Result<(), Errno> {
        if self.rights & needed == needed { Ok(()) } else { Err(Errno::Badf) }
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Descriptors {
    open: Vec<Option<Descriptor>>,
    /// Numbers below the table's end that are free.
    free: BTreeSet<u32>,
    descriptors_max: usize,
}

impl Descriptors {
    /// Standard input, output and error, and room for so many preopens.
    pub(super) fn new(preopens: usize) -> Self {
        let stdio = |object, rights| Some(Descriptor::new(object, rights, 0, 0));
        let open = vec![
            stdio(Object::Stdin, rights::STDIN),
            stdio(Object::Stdout, rights::STDOUT),
            stdio(Object::Stderr, rights::STDOUT),
        ];
        Self { open, free: BTreeSet::new(), descriptors_max: DESCRIPTORS_MAX.saturating_add(preopens) }
    }

    pub(super) fn get(&self, number: u32) -> Result<&Descriptor, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::Badf)?;
        self.open.get(index).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::Badf)?;
        self.open.get_mut(index).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The number that the next descriptor gets, so that a call can fail before it changes anything.
    pub(super) fn next(&self) -> Result<u32, Errno> {
        match self.free.first() {
            Some(number) => Ok(*number),
            None if self.open.len() >= self.descriptors_max => Err(Errno::Mfile),
            None => u32::try_from(self.open.len()).map_err(|_| Errno::Mfile),
        }
    }

    /// Puts a descriptor at a number: the next free one, or one that is taken; gives what was there.
    pub(super) fn put(&mut self, number: u32, descriptor: Descriptor) -> Result<Option<Descriptor>, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::Badf)?;
        if index == self.open.len() {
            self.open.push(None);
        }
        let before = self.open.get_mut(index).ok_or(Errno::Badf)?.replace(descriptor);
        self.free.remove(&number);
        Ok(before)
    }

    pub(super) fn take(&mut self, number: u32) -> Result<Descriptor, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::Badf)?;
        let taken = self.open.get_mut(index).and_then(Option::take).ok_or(Errno::Badf)?;
        self.free.insert(number);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_free_number_comes_first() {
        let mut table = Descriptors::new(2);
        let file = || Descriptor::new(Object::File(1), 0, 0, 0);
        for expected in 3..DESCRIPTORS_MAX + 2 {
            let number = table.next().unwrap();
            assert_eq!(number as usize, expected);
            assert!(table.put(number, file()).unwrap().is_none());
        }
        assert_eq!(table.next(), Err(Errno::Mfile));
        table.take(700).unwrap();
        table.take(5).unwrap();
        assert_eq!(table.next(), Ok(5));
        assert_eq!(table.take(5).unwrap_err(), Errno::Badf);
        assert!(table.get(u32::MAX).is_err());
    }
}
