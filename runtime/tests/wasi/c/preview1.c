// Preview 1, called directly: each CHECK names a promise and what must come back.
//
// It works in a folder that the test gives it under the name in its first argument, and leaves it as it was.

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

static int asked, broken;

static void check(int line, const char *what, long got, long wanted) {
    asked++;
    if (got == wanted) return;
    broken++;
    printf("BROKEN line %d: %s: got %ld, wanted %ld\n", line, what, got, wanted);
}
#define CHECK(call, wanted) check(__LINE__, #call, (long)(call), (long)(wanted))
#define OK(call) CHECK(call, 0)

static const __wasi_rights_t READ = __WASI_RIGHTS_FD_READ, WRITE = __WASI_RIGHTS_FD_WRITE, ALL = ~(__wasi_rights_t)0;
static const uint16_t CREAT = __WASI_OFLAGS_CREAT, EXCL = __WASI_OFLAGS_EXCL, TRUNC = __WASI_OFLAGS_TRUNC,
                      DIRECTORY = __WASI_OFLAGS_DIRECTORY;
static const uint32_t FOLLOW = __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
static const int NONE = -1;

// The descriptor, or minus the error.
static long open_with(int folder, const char *path, uint32_t follow, uint16_t how, __wasi_rights_t rights, uint16_t flags) {
    __wasi_fd_t fd;
    int error = __wasi_path_open(folder, follow, path, how, rights, ALL, flags, &fd);
    return error ? -error : (long)fd;
}
static int refused(int folder, const char *path, uint32_t follow, uint16_t how, __wasi_rights_t rights) {
    long fd = open_with(folder, path, follow, how, rights, 0);
    if (fd >= 0 && __wasi_fd_close((int)fd)) broken++;
    return fd >= 0 ? 0 : (int)-fd;
}
static void create(int folder, const char *path) { OK(refused(folder, path, 0, CREAT, 0)); }
static long put(int fd, const char *bytes) {
    __wasi_ciovec_t vector = {(const uint8_t *)bytes, strlen(bytes)};
    __wasi_size_t count;
    int error = __wasi_fd_write(fd, &vector, 1, &count);
    return error ? -error : (long)count;
}
static long get(int fd, char *bytes, size_t len) {
    __wasi_iovec_t vector = {(uint8_t *)bytes, len};
    __wasi_size_t count;
    int error = __wasi_fd_read(fd, &vector, 1, &count);
    return error ? -error : (long)count;
}
static long seek(int fd, int64_t delta, uint8_t whence) {
    __wasi_filesize_t at;
    int error = __wasi_fd_seek(fd, delta, whence, &at);
    return error ? -error : (long)at;
}
static __wasi_filestat_t stat(int folder, const char *path, uint32_t follow) {
    __wasi_filestat_t stat = {0};
    OK(__wasi_path_filestat_get(folder, follow, path, &stat));
    return stat;
}
static __wasi_fdstat_t fdstat(int fd) {
    __wasi_fdstat_t stat = {0};
    OK(__wasi_fd_fdstat_get(fd, &stat));
    return stat;
}

static void opening(int top) {
    OK(__wasi_path_create_directory(top, "dir"));
    OK(__wasi_path_create_directory(top, "dir/nested"));
    create(top, "dir/nested/file");
    CHECK(refused(top, "/dir/nested/file", 0, 0, 0), __WASI_ERRNO_PERM);
    OK(refused(top, "dir/.//nested/../../dir/nested/../nested///./file", 0, 0, 0));
    CHECK(refused(top, "dir/nested/file/", 0, 0, 0), __WASI_ERRNO_NOTDIR);
    CHECK(refused(top, "dir/nested/file///", 0, 0, 0), __WASI_ERRNO_NOTDIR);
    OK(refused(top, "dir/nested/", 0, 0, 0));
    OK(refused(top, "dir/nested///", 0, DIRECTORY, READ));
    CHECK(refused(top, "dir/nested/../../..", 0, 0, 0), __WASI_ERRNO_PERM);
    CHECK(refused(top, "..", 0, DIRECTORY, 0), __WASI_ERRNO_PERM);
    CHECK(refused(top, "", 0, 0, 0), __WASI_ERRNO_NOENT);
    CHECK(refused(top, "missing", 0, 0, READ), __WASI_ERRNO_NOENT);
    CHECK(refused(top, "dir/nested/file", 0, DIRECTORY, 0), __WASI_ERRNO_NOTDIR);
    CHECK(refused(top, "dir/nested/file", 0, CREAT | EXCL, 0), __WASI_ERRNO_EXIST);
    CHECK(refused(top, "dir", 0, CREAT | DIRECTORY, 0), __WASI_ERRNO_INVAL);
    CHECK(refused(top, ".", 0, DIRECTORY, READ | WRITE), __WASI_ERRNO_ISDIR);
    OK(refused(top, ".", 0, DIRECTORY, READ));
    OK(refused(top, ".", 0, 0, 0));
    long file = open_with(top, "dir/nested/file", 0, 0, READ, 0);
    CHECK(refused((int)file, "x", 0, CREAT, 0), __WASI_ERRNO_NOTDIR);
    OK(__wasi_fd_close((int)file));
    CHECK(__wasi_fd_close((int)file), __WASI_ERRNO_BADF);
    CHECK(__wasi_path_remove_directory(top, "dir"), __WASI_ERRNO_NOTEMPTY);
    CHECK(__wasi_path_remove_directory(top, "dir/nested/file"), __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_path_remove_directory(top, "dir/nested/file/"), __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_path_unlink_file(top, "dir"), __WASI_ERRNO_ISDIR);
    CHECK(__wasi_path_unlink_file(top, "dir/"), __WASI_ERRNO_ISDIR);
    CHECK(__wasi_path_unlink_file(top, "dir/nested/file/"), __WASI_ERRNO_NOTDIR);
    OK(__wasi_path_unlink_file(top, "dir/nested/file"));
    OK(__wasi_path_remove_directory(top, "dir/nested/"));
    OK(__wasi_path_remove_directory(top, "dir"));
}

static void reading_and_writing(int top) {
    create(top, "f");
    char bytes[64] = {0};
    long file = open_with(top, "f", 0, 0, WRITE, 0);
    CHECK(get((int)file, bytes, 1), -__WASI_ERRNO_BADF);
    CHECK(put((int)file, "0123456789"), 10);
    OK(__wasi_fd_close((int)file));
    file = open_with(top, "f", 0, 0, READ, 0);
    CHECK(fdstat((int)file).fs_rights_base & (READ | WRITE), READ);
    CHECK(put((int)file, "x"), -__WASI_ERRNO_BADF);
    CHECK(get((int)file, bytes, sizeof bytes), 10);
    CHECK(get((int)file, bytes, sizeof bytes), 0);
    OK(__wasi_fd_close((int)file));
    file = open_with(top, "f", 0, 0, READ | WRITE, 0);
    __wasi_ciovec_t out[2] = {{(const uint8_t *)"AB", 2}, {(const uint8_t *)"C", 1}};
    __wasi_iovec_t in[2] = {{(uint8_t *)bytes, 2}, {(uint8_t *)bytes + 8, 3}};
    __wasi_size_t count;
    OK(__wasi_fd_pwrite((int)file, out, 2, 4, &count));
    CHECK(count, 3);
    memset(bytes, 0, sizeof bytes);
    OK(__wasi_fd_pread((int)file, in, 2, 3, &count));
    CHECK(count, 5);
    CHECK(memcmp(bytes, "3A\0\0\0\0\0\0BC7", 11), 0);
    CHECK(seek((int)file, 0, __WASI_WHENCE_CUR), 0);
    CHECK(seek((int)file, -2, __WASI_WHENCE_END), 8);
    CHECK(seek((int)file, -9, __WASI_WHENCE_CUR), -__WASI_ERRNO_INVAL);
    CHECK(seek((int)file, 0, 3), -__WASI_ERRNO_INVAL);
    __wasi_filesize_t at;
    OK(__wasi_fd_tell((int)file, &at));
    CHECK(at, 8);
    CHECK(seek((int)file, 100, __WASI_WHENCE_SET), 100);
    CHECK(get((int)file, bytes, 8), 0);
    CHECK(stat(top, "f", 0).size, 10);
    CHECK(put((int)file, "z"), 1);
    CHECK(stat(top, "f", 0).size, 101);
    OK(__wasi_fd_filestat_set_size((int)file, 100));
    OK(__wasi_fd_allocate((int)file, 10, 10));
    CHECK(stat(top, "f", 0).size, 100);
    OK(__wasi_fd_allocate((int)file, 90, 20));
    CHECK(stat(top, "f", 0).size, 110);
    OK(__wasi_fd_advise((int)file, 10, 50, __WASI_ADVICE_NORMAL));
    CHECK(__wasi_fd_advise((int)file, 10, 50, 6), __WASI_ERRNO_INVAL);
    OK(__wasi_fd_sync((int)file));
    OK(__wasi_fd_datasync((int)file));
    OK(__wasi_fd_close((int)file));
    CHECK(__wasi_fd_sync((int)file), __WASI_ERRNO_BADF);
    file = open_with(top, "f", 0, TRUNC, READ | WRITE, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC);
    CHECK(fdstat((int)file).fs_flags, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC);
    CHECK(put((int)file, "one"), 3);
    CHECK(seek((int)file, 0, __WASI_WHENCE_SET), 0);
    CHECK(put((int)file, "two"), 3);
    CHECK(seek((int)file, 0, __WASI_WHENCE_CUR), 6);
    OK(__wasi_fd_fdstat_set_flags((int)file, 0));
    CHECK(seek((int)file, 0, __WASI_WHENCE_SET), 0);
    CHECK(put((int)file, "THR"), 3);
    CHECK(stat(top, "f", 0).size, 6);
    CHECK(__wasi_fd_fdstat_set_flags((int)file, 0x20), __WASI_ERRNO_INVAL);
    // A file that has no name any more stays until it is closed.
    OK(__wasi_path_unlink_file(top, "f"));
    CHECK(seek((int)file, 0, __WASI_WHENCE_SET), 0);
    CHECK(get((int)file, bytes, 6), 6);
    OK(__wasi_fd_close((int)file));
}

static void folders_are_no_files(int top) {
    char byte;
    CHECK(get(top, &byte, 1), -__WASI_ERRNO_ISDIR);
    CHECK(put(top, "x"), -__WASI_ERRNO_ISDIR);
    __wasi_iovec_t in = {(uint8_t *)&byte, 1};
    __wasi_ciovec_t out = {(const uint8_t *)"x", 1};
    __wasi_size_t count;
    __wasi_filesize_t at;
    CHECK(__wasi_fd_pread(top, &in, 1, 0, &count), __WASI_ERRNO_ISDIR);
    CHECK(__wasi_fd_pwrite(top, &out, 1, 0, &count), __WASI_ERRNO_ISDIR);
    CHECK(seek(top, 0, __WASI_WHENCE_CUR), -__WASI_ERRNO_BADF);
    CHECK(seek(top, 0, __WASI_WHENCE_SET), -__WASI_ERRNO_BADF);
    CHECK(seek(top, 0, __WASI_WHENCE_END), -__WASI_ERRNO_BADF);
    CHECK(__wasi_fd_tell(top, &at), __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_allocate(top, 0, 1), __WASI_ERRNO_BADF);
    CHECK(__wasi_fd_filestat_set_size(top, 0), __WASI_ERRNO_BADF);
    CHECK(fdstat(top).fs_rights_base & (__WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE), 0);
    CHECK(fdstat(top).fs_flags, 0);
    CHECK(fdstat(top).fs_filetype, __WASI_FILETYPE_DIRECTORY);
    CHECK(__wasi_fd_prestat_dir_name(3, (uint8_t *)&byte, 0), __WASI_ERRNO_NAMETOOLONG);
}

static void rights(int top) {
    OK(__wasi_path_create_directory(top, "r"));
    long folder = open_with(top, "r", 0, DIRECTORY, ALL & ~WRITE, 0);
    create((int)folder, "f");
    long file = open_with((int)folder, "f", 0, 0, READ | WRITE, 0);
    __wasi_fdstat_t now = fdstat((int)file);
    OK(__wasi_fd_fdstat_set_rights((int)file, now.fs_rights_base & ~WRITE, now.fs_rights_inheriting));
    CHECK(put((int)file, "x"), -__WASI_ERRNO_BADF);
    CHECK(__wasi_fd_fdstat_set_rights((int)file, now.fs_rights_base, now.fs_rights_inheriting), __WASI_ERRNO_NOTCAPABLE);
    CHECK(fdstat((int)file).fs_rights_base & WRITE, 0);
    OK(__wasi_fd_close((int)file));
    now = fdstat((int)folder);
    __wasi_rights_t inheriting = now.fs_rights_inheriting & ~(__wasi_rights_t)__WASI_RIGHTS_FD_FILESTAT_SET_SIZE;
    OK(__wasi_fd_fdstat_set_rights((int)folder, now.fs_rights_base, inheriting));
    OK(refused((int)folder, "f", 0, TRUNC, 0));
    file = open_with((int)folder, "f", 0, 0, ALL, 0);
    CHECK(fdstat((int)file).fs_rights_base & __WASI_RIGHTS_FD_FILESTAT_SET_SIZE, 0);
    CHECK(__wasi_fd_filestat_set_size((int)file, 1), __WASI_ERRNO_INVAL);
    OK(__wasi_fd_close((int)file));
    __wasi_rights_t base = now.fs_rights_base & ~(__wasi_rights_t)__WASI_RIGHTS_PATH_FILESTAT_SET_SIZE;
    OK(__wasi_fd_fdstat_set_rights((int)folder, base, inheriting));
    CHECK(refused((int)folder, "f", 0, TRUNC, 0), __WASI_ERRNO_PERM);
    base &= ~(__wasi_rights_t)(__WASI_RIGHTS_PATH_CREATE_FILE | __WASI_RIGHTS_PATH_UNLINK_FILE);
    OK(__wasi_fd_fdstat_set_rights((int)folder, base, inheriting));
    CHECK(refused((int)folder, "g", 0, CREAT, 0), __WASI_ERRNO_NOTCAPABLE);
    CHECK(__wasi_path_unlink_file((int)folder, "f"), __WASI_ERRNO_NOTCAPABLE);
    OK(__wasi_path_unlink_file(top, "r/f"));
    OK(__wasi_path_remove_directory(top, "r"));
    OK(__wasi_fd_close((int)folder));
}

static void links(int top) {
    OK(__wasi_path_symlink("target", top, "s"));
    CHECK(refused(top, "s", 0, DIRECTORY, 0), __WASI_ERRNO_LOOP);
    CHECK(refused(top, "s", 0, 0, 0), __WASI_ERRNO_LOOP);
    CHECK(refused(top, "s", FOLLOW, 0, 0), __WASI_ERRNO_NOENT);
    OK(__wasi_path_create_directory(top, "target"));
    OK(refused(top, "s", FOLLOW, DIRECTORY, 0));
    CHECK(refused(top, "s", 0, DIRECTORY, 0), __WASI_ERRNO_LOOP);
    OK(__wasi_path_remove_directory(top, "target"));
    create(top, "target");
    CHECK(refused(top, "s", FOLLOW, DIRECTORY, 0), __WASI_ERRNO_NOTDIR);
    CHECK(stat(top, "s", 0).filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
    CHECK(stat(top, "s", FOLLOW).filetype, __WASI_FILETYPE_REGULAR_FILE);
    uint8_t bytes[10] = {0};
    __wasi_size_t used;
    OK(__wasi_path_readlink(top, "s", bytes, sizeof bytes, &used));
    CHECK(used, 6);
    CHECK(memcmp(bytes, "target\0\0\0\0", 10), 0);
    OK(__wasi_path_readlink(top, "s", bytes, 4, &used));
    CHECK(used, 4);
    CHECK(__wasi_path_symlink("x", top, "s"), __WASI_ERRNO_EXIST);
    CHECK(__wasi_path_symlink("x", top, "new/"), __WASI_ERRNO_NOENT);
    CHECK(__wasi_path_symlink("x", top, "target/"), __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_path_symlink("/x", top, "new"), __WASI_ERRNO_PERM);
    OK(__wasi_path_link(top, 0, "target", top, "hard"));
    __wasi_filestat_t one = stat(top, "target", 0), other = stat(top, "hard", 0);
    CHECK(memcmp(&one, &other, sizeof one), 0);
    CHECK(one.nlink, 2);
    CHECK(__wasi_path_link(top, 0, "target", top, "hard"), __WASI_ERRNO_EXIST);
    CHECK(__wasi_path_link(top, 0, "target", top, "target"), __WASI_ERRNO_EXIST);
    CHECK(__wasi_path_link(top, 0, "target", top, "new/"), __WASI_ERRNO_NOENT);
    CHECK(__wasi_path_link(top, FOLLOW, "s", top, "new"), __WASI_ERRNO_INVAL);
    OK(__wasi_path_create_directory(top, "d"));
    CHECK(__wasi_path_link(top, 0, "d", top, "new"), __WASI_ERRNO_PERM);
    CHECK(__wasi_path_link(top, 0, "target", top, "d"), __WASI_ERRNO_EXIST);
    OK(__wasi_path_remove_directory(top, "d"));
    OK(__wasi_path_link(top, 0, "s", top, "hard-s"));
    CHECK(stat(top, "hard-s", 0).filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
    OK(__wasi_path_symlink("loop", top, "loop"));
    CHECK(refused(top, "loop", FOLLOW, 0, 0), __WASI_ERRNO_LOOP);
    CHECK(refused(top, "loop/x", 0, 0, 0), __WASI_ERRNO_LOOP);
    const char *made[] = {"s", "target", "hard", "hard-s", "loop"};
    for (int i = 0; i < 5; i++) OK(__wasi_path_unlink_file(top, made[i]));
}

static void moving(int top) {
    OK(__wasi_path_create_directory(top, "source"));
    OK(__wasi_path_rename(top, "source/", top, "target"));
    OK(__wasi_path_rename(top, "target", top, "source/"));
    OK(__wasi_path_create_directory(top, "target"));
    OK(__wasi_path_rename(top, "source", top, "target"));
    CHECK(refused(top, "source", 0, DIRECTORY, 0), __WASI_ERRNO_NOENT);
    create(top, "target/file");
    OK(__wasi_path_create_directory(top, "source"));
    CHECK(__wasi_path_rename(top, "source", top, "target"), __WASI_ERRNO_NOTEMPTY);
    CHECK(__wasi_path_rename(top, "source", top, "target/file"), __WASI_ERRNO_NOTDIR);
    CHECK(__wasi_path_rename(top, "target", top, "target/below"), __WASI_ERRNO_INVAL);
    CHECK(__wasi_path_rename(top, "target/file", top, "source"), __WASI_ERRNO_ISDIR);
    OK(__wasi_path_rename(top, "target/file", top, "file"));
    create(top, "other");
    OK(__wasi_path_rename(top, "file", top, "other"));
    CHECK(__wasi_path_rename(top, "file", top, "other"), __WASI_ERRNO_NOENT);
    OK(__wasi_path_unlink_file(top, "other"));
    OK(__wasi_path_remove_directory(top, "source"));
    OK(__wasi_path_remove_directory(top, "target"));
}

static void times(int top) {
    create(top, "f");
    OK(__wasi_path_symlink("f", top, "s"));
    __wasi_filestat_t before = stat(top, "f", 0);
    OK(__wasi_path_filestat_set_times(top, 0, "s", 0, 1000, __WASI_FSTFLAGS_MTIM));
    CHECK(stat(top, "s", 0).mtim, 1000);
    CHECK(stat(top, "f", 0).mtim == before.mtim, 1);
    OK(__wasi_path_filestat_set_times(top, FOLLOW, "s", 2000, 0, __WASI_FSTFLAGS_ATIM));
    CHECK(stat(top, "f", 0).atim, 2000);
    CHECK(stat(top, "f", 0).mtim == before.mtim, 1);
    uint16_t both = __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW;
    CHECK(__wasi_path_filestat_set_times(top, 0, "f", 0, 0, both), __WASI_ERRNO_INVAL);
    both = __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW;
    CHECK(__wasi_path_filestat_set_times(top, 0, "f", 0, 0, both), __WASI_ERRNO_INVAL);
    long file = open_with(top, "f", 0, 0, READ | __WASI_RIGHTS_FD_FILESTAT_SET_TIMES, 0);
    OK(__wasi_fd_filestat_set_times((int)file, 0, 0, __WASI_FSTFLAGS_ATIM_NOW));
    CHECK(stat(top, "f", 0).atim > before.atim, 1);
    OK(__wasi_fd_close((int)file));
    OK(__wasi_path_unlink_file(top, "s"));
    OK(__wasi_path_unlink_file(top, "f"));
}

// Lists through a buffer of this size; removes every file it is shown if asked to.
static int list(int folder, size_t size, int remove) {
    uint8_t bytes[4096];
    __wasi_dircookie_t cookie = 0;
    int count = 0;
    for (;;) {
        __wasi_size_t used = 0;
        if (__wasi_fd_readdir(folder, bytes, size, cookie, &used)) return NONE;
        for (size_t at = 0; at + sizeof(__wasi_dirent_t) <= used;) {
            __wasi_dirent_t entry;
            memcpy(&entry, bytes + at, sizeof entry);
            at += sizeof entry + entry.d_namlen;
            if (at > used) break;
            count++;
            cookie = entry.d_next;
            char name[256] = {0};
            memcpy(name, bytes + at - entry.d_namlen, entry.d_namlen);
            if (remove && entry.d_type == __WASI_FILETYPE_REGULAR_FILE && __wasi_path_unlink_file(folder, name)) return NONE;
        }
        if (used < size) return count;
    }
}

static void listing(int top) {
    OK(__wasi_path_create_directory(top, "d"));
    long folder = open_with(top, "d", 0, DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0);
    CHECK(list((int)folder, 256, 0), 2);
    char name[32];
    int failed = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "file.%d", i);
        failed += refused((int)folder, name, 0, CREAT, READ | WRITE) != 0;
    }
    CHECK(failed, 0);
    CHECK(list((int)folder, 256, 0), 1002);
    CHECK(list((int)folder, 40, 0), 1002);
    CHECK(list((int)folder, 4096, 1), 1002);
    CHECK(list((int)folder, 4096, 0), 2);
    CHECK(list(1, 256, 0), NONE);
    OK(__wasi_fd_close((int)folder));
    OK(__wasi_path_remove_directory(top, "d"));
}

static void descriptors(int top) {
    long one = open_with(top, "one", 0, CREAT, READ | WRITE, 0), other = open_with(top, "other", 0, CREAT, READ, 0);
    CHECK(put((int)one, "text"), 4);
    OK(__wasi_fd_renumber((int)one, (int)other));
    CHECK(__wasi_fd_close((int)one), __WASI_ERRNO_BADF);
    CHECK(seek((int)other, 0, __WASI_WHENCE_CUR), 4);
    CHECK(__wasi_fd_renumber((int)other, (int)one), __WASI_ERRNO_BADF);
    CHECK(open_with(top, "other", 0, 0, READ, 0), one);
    OK(__wasi_fd_close((int)one));
    OK(__wasi_fd_close((int)other));
    OK(__wasi_path_unlink_file(top, "one"));
    OK(__wasi_path_unlink_file(top, "other"));
    CHECK(__wasi_fd_close(1000), __WASI_ERRNO_BADF);
}

static void the_rest(void) {
    __wasi_subscription_t asked_for[2] = {
        {1, {__WASI_EVENTTYPE_CLOCK, {.clock = {__WASI_CLOCKID_MONOTONIC, 1000000, 0, 0}}}},
        {2, {__WASI_EVENTTYPE_FD_READ, {.fd_read = {0}}}},
    };
    __wasi_event_t events[2];
    __wasi_size_t count;
    __wasi_timestamp_t before, after;
    OK(__wasi_poll_oneoff(asked_for, events, 2, &count));
    CHECK(count, 1);
    CHECK(events[0].userdata, 2);
    CHECK(events[0].error, 0);
    CHECK(events[0].fd_readwrite.nbytes, 5);
    OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &before));
    OK(__wasi_poll_oneoff(asked_for, events, 1, &count));
    OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &after));
    CHECK(after - before >= 1000000, 1);
    CHECK(__wasi_poll_oneoff(asked_for, events, 0, &count), __WASI_ERRNO_INVAL);
    CHECK(__wasi_clock_time_get(9, 0, &before), __WASI_ERRNO_INVAL);
    CHECK(__wasi_clock_res_get(9, &before), __WASI_ERRNO_INVAL);
    OK(__wasi_sched_yield());
    uint8_t drawn[1024] = {0};
    OK(__wasi_random_get(drawn, sizeof drawn));
    int zeros = 0;
    for (size_t i = 0; i < sizeof drawn; i++) zeros += !drawn[i];
    CHECK(zeros < 64, 1);
    CHECK(fdstat(0).fs_filetype == __WASI_FILETYPE_CHARACTER_DEVICE, 0);
    CHECK(__wasi_sock_shutdown(1, 1), __WASI_ERRNO_NOTSOCK);
    CHECK(__wasi_sock_shutdown(99, 1), __WASI_ERRNO_BADF);
}

int main(int argc, char **argv) {
    // The folder as a descriptor of its own, found as every libc finds it.
    int top = NONE;
    for (int fd = 3; top < 0; fd++) {
        __wasi_prestat_t prestat;
        char name[64] = {0};
        if (argc < 2 || __wasi_fd_prestat_get(fd, &prestat)) return 2;
        if (prestat.u.dir.pr_name_len >= sizeof name) continue;
        OK(__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, prestat.u.dir.pr_name_len));
        if (!strcmp(name, argv[1])) top = (int)open_with(fd, ".", 0, DIRECTORY, fdstat(fd).fs_rights_base, 0);
    }
    asked = 0;
    opening(top);
    reading_and_writing(top);
    folders_are_no_files(top);
    rights(top);
    links(top);
    moving(top);
    times(top);
    listing(top);
    descriptors(top);
    the_rest();
    printf("%d promises hold\n", asked - broken);
    return broken != 0;
}
