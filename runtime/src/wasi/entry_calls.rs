//! Making, linking, moving and removing entries by path.

use super::{
    Call, World,
    fs::{LastLink, Place},
    fuel::{self, Stop},
    types::{Errno, rights},
};

impl World {
    pub(super) fn path_create_directory(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let place = self.entry(call, 0, rights::PATH_CREATE_DIRECTORY, 1)?;
        let now_ns = self.now_ns(call);
        self.fs.create_folder(&mut call.meter, &place, now_ns)?;
        Ok(())
    }

    pub(super) fn path_unlink_file(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let place = self.entry(call, 0, rights::PATH_UNLINK_FILE, 1)?;
        let now_ns = self.now_ns(call);
        Ok(self.fs.unlink(&place, now_ns)?)
    }

    pub(super) fn path_remove_directory(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let place = self.entry(call, 0, rights::PATH_REMOVE_DIRECTORY, 1)?;
        let now_ns = self.now_ns(call);
        Ok(self.fs.remove_folder(&place, now_ns)?)
    }

    pub(super) fn path_symlink(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let target = call.path(0)?;
        let place = self.entry(call, 2, rights::PATH_SYMLINK, 3)?;
        let now_ns = self.now_ns(call);
        Ok(self.fs.create_symlink(&place, target, now_ns)?)
    }

    pub(super) fn path_link(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        if call.u32(1) != 0 {
            // Hard links to what a link points to are refused, as the conformance suite expects.
            return Err(Errno::Inval.into());
        }
        // Unlike a rename, a link looks at what it links to as opening it would, and before it looks at where to.
        let folder = self.fds.get(call.u32(0))?.folder(rights::PATH_LINK_SOURCE)?;
        let path = call.path(2)?;
        let old = self.fs.resolve(&mut call.meter, folder, &path, LastLink::Take)?;
        old.found()?;
        let new = self.entry(call, 4, rights::PATH_LINK_TARGET, 5)?;
        let now_ns = self.now_ns(call);
        self.fs.link(&mut call.meter, &old, &new, now_ns)
    }

    pub(super) fn path_rename(&mut self, call: &mut Call<'_>) -> Result<(), Stop> {
        let old = self.entry(call, 0, rights::PATH_RENAME_SOURCE, 1)?;
        let new = self.entry(call, 3, rights::PATH_RENAME_TARGET, 4)?;
        let now_ns = self.now_ns(call);
        self.fs.rename(&mut call.meter, &old, &new, now_ns)
    }

    /// The place that a descriptor and a path, given by their argument numbers, mean; paid for a change of it.
    fn entry(&self, call: &mut Call<'_>, fd: usize, needed: u64, path: usize) -> Result<Place, Stop> {
        let folder = self.fds.get(call.u32(fd))?.folder(needed)?;
        let path = call.path(path)?;
        call.meter.charge(fuel::ENTRY_CHANGE)?;
        self.fs.resolve(&mut call.meter, folder, &path, LastLink::TakeAlways)
    }
}
