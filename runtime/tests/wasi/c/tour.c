// A tour of what a C program does with the outside world, with paths relative to where it stands.
//
// It prints only what must be the same on Linux and under a job: contents, sizes, kinds, names of errors, and
// whether times and randomness behave. The test runs it natively and as a guest and compares every byte.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const char *name_of(int error) {
    switch (error) {
    case 0: return "ok";
    case EBADF: return "EBADF";
    case EEXIST: return "EEXIST";
    case EINVAL: return "EINVAL";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENOENT: return "ENOENT";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case EPERM: return "EPERM";
    case ESPIPE: return "ESPIPE";
    case EXDEV: return "EXDEV";
    default: return "another error";
    }
}

// What a call answered: its value when it worked, the error's name when it didn't.
static void say(const char *what, long result) {
    if (result < 0) printf("%s: %s\n", what, name_of(errno));
    else printf("%s: %ld\n", what, result);
}
#define SAY(call) say(#call, (long)(call))

static void show(const char *path) {
    struct stat stat;
    if (lstat(path, &stat) != 0) {
        printf("%s: %s\n", path, name_of(errno));
        return;
    }
    if (S_ISDIR(stat.st_mode)) printf("%s: folder\n", path);
    else if (S_ISLNK(stat.st_mode)) printf("%s: link of %ld bytes\n", path, (long)stat.st_size);
    else printf("%s: file of %ld bytes, %ld names\n", path, (long)stat.st_size, (long)stat.st_nlink);
}

static void contents(const char *path) {
    char bytes[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, name_of(errno));
        return;
    }
    long count = read(fd, bytes, sizeof bytes);
    printf("%s: %ld bytes '%.*s'\n", path, count, (int)(count < 0 ? 0 : count), bytes);
    close(fd);
}

static int by_name(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void list(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) {
        printf("%s/: %s\n", path, name_of(errno));
        return;
    }
    char *names[256];
    int count = 0;
    for (struct dirent *entry; count < 256 && (entry = readdir(folder));) names[count++] = strdup(entry->d_name);
    closedir(folder);
    qsort(names, (size_t)count, sizeof *names, by_name);
    printf("%s/:", path);
    for (int i = 0; i < count; i++) printf(" %s", names[i]);
    printf("\n");
}

static void arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
    printf("GREETING is %s\n", getenv("GREETING"));
    int count = 0;
    for (char **variable = environ; *variable; variable++) count++;
    printf("%d variables\n", count);
    char line[100];
    int lines = 0;
    while (fgets(line, sizeof line, stdin)) printf("line %d of stdin: %s", ++lines, line);
    printf("end of stdin: %d\n", feof(stdin) != 0);
}

static void files(void) {
    contents("given.txt");
    SAY(open("none", O_RDONLY));
    SAY(open("none/none", O_CREAT | O_WRONLY, 0666));
    SAY(open("given.txt/none", O_RDONLY));
    SAY(open("given.txt", O_CREAT | O_EXCL | O_WRONLY, 0666));
    SAY(open("given.txt", O_DIRECTORY | O_RDONLY));
    SAY(open("folder", O_WRONLY));
    int fd = open("new.txt", O_CREAT | O_RDWR, 0666);
    SAY(write(fd, "hello, world", 12));
    SAY(lseek(fd, 7, SEEK_SET));
    SAY(write(fd, "W", 1));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(lseek(fd, -3, SEEK_END));
    SAY(lseek(fd, -30, SEEK_END));
    SAY(lseek(fd, 0, 9));
    SAY(pwrite(fd, "HE", 2, 0));
    char bytes[16] = {0};
    SAY(pread(fd, bytes, 5, 0));
    printf("read '%s'\n", bytes);
    struct iovec out[2] = {{"one ", 4}, {"two", 3}};
    SAY(lseek(fd, 20, SEEK_SET));
    SAY(writev(fd, out, 2));
    SAY(pread(fd, bytes, 8, 10));
    printf("a hole reads as %d %d\n", bytes[3], bytes[7]);
    SAY(ftruncate(fd, 22));
    SAY(ftruncate(fd, -1));
    SAY(fsync(fd));
    SAY(fdatasync(fd));
    SAY(close(fd));
    SAY(close(fd));
    SAY(write(fd, "x", 1));
    show("new.txt");
    fd = open("new.txt", O_WRONLY | O_APPEND);
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(write(fd, "<end>", 5));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(read(fd, bytes, 1));
    SAY(fcntl(fd, F_GETFL) & O_APPEND ? 1 : 0);
    close(fd);
    show("new.txt");
    fd = open("new.txt", O_RDONLY);
    SAY(write(fd, "x", 1));
    SAY(ftruncate(fd, 0));
    close(fd);
    fd = open("given.txt", O_WRONLY);
    SAY(write(fd, "GIVEN", 5));
    close(fd);
    contents("given.txt");
    close(open("given.txt", O_WRONLY | O_TRUNC));
    show("given.txt");
    FILE *stream = fopen("stream.txt", "w+");
    fprintf(stream, "%d %.3f %s\n", 42, 2.5, "text");
    rewind(stream);
    int number = 0;
    double fraction = 0;
    SAY(fscanf(stream, "%d %lf", &number, &fraction));
    printf("%d and %.3f\n", number, fraction);
    fclose(stream);
    SAY(lseek(0, 0, SEEK_SET) < 0 && errno == ESPIPE ? 1 : 0);
}

static void folders(void) {
    SAY(mkdir("a", 0777));
    SAY(mkdir("a", 0777));
    SAY(mkdir("a/b", 0777));
    SAY(mkdir("x/y", 0777));
    close(open("a/f", O_CREAT | O_WRONLY, 0666));
    list("a");
    list("folder");
    list("none");
    SAY(rmdir("a"));
    SAY(rmdir("a/f"));
    SAY(unlink("a"));
    SAY(unlink("a/f/"));
    SAY(rename("a", "a/b/c"));
    SAY(rename("a", "given.txt"));
    SAY(rename("given.txt", "a"));
    SAY(rename("a/f", "moved"));
    SAY(rename("moved", "new.txt"));
    show("new.txt");
    SAY(rename("folder", "a/b"));
    list("a/b");
    SAY(rename("none", "some"));
    SAY(access("a/b/inner.txt", R_OK));
    SAY(access("a/b/none", F_OK));
    SAY(rmdir("a/b"));
    int folder = open("a", O_DIRECTORY | O_RDONLY);
    SAY(read(folder, (char[1]){0}, 1));
    int inner = openat(folder, "b/inner.txt", O_RDONLY);
    printf("opened from a folder: %d\n", inner >= 0);
    SAY(unlinkat(folder, "b/inner.txt", 0));
    struct stat stat;
    SAY(fstat(inner, &stat));
    printf("gone, and still %ld bytes with %ld names\n", (long)stat.st_size, (long)stat.st_nlink);
    SAY(unlinkat(folder, "b", AT_REMOVEDIR));
    close(inner);
    close(folder);
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    SAY(mkdir(name, 0777));
    name[255] = 0;
    SAY(mkdir(name, 0777));
    SAY(rmdir(name));
}

static void links(void) {
    SAY(symlink("stream.txt", "link"));
    SAY(symlink("nowhere", "dangling"));
    SAY(symlink("loop", "loop"));
    SAY(symlink("a", "to-folder"));
    SAY(symlink("x", "link"));
    char target[64] = {0};
    SAY(readlink("link", target, sizeof target));
    printf("leads to %s\n", target);
    SAY(readlink("stream.txt", target, sizeof target));
    contents("link");
    contents("dangling");
    contents("loop");
    SAY(open("link", O_RDONLY | O_NOFOLLOW));
    SAY(open("link", O_CREAT | O_EXCL | O_WRONLY, 0666));
    close(open("dangling", O_CREAT | O_WRONLY, 0666));
    show("nowhere");
    show("link");
    struct stat by_link, by_name_;
    stat("link", &by_link);
    stat("stream.txt", &by_name_);
    printf("one inode: %d\n", by_link.st_ino == by_name_.st_ino && by_link.st_dev == by_name_.st_dev);
    SAY(link("stream.txt", "hard"));
    show("hard");
    SAY(link("stream.txt", "hard"));
    SAY(link("a", "hard-folder"));
    SAY(unlink("stream.txt"));
    contents("hard");
    SAY(unlink("to-folder"));
    show("a");
    list(".");
}

static void times(void) {
    struct timespec set[2] = {{1000000000, 5}, {1100000000, 7}};
    SAY(utimensat(AT_FDCWD, "hard", set, 0));
    struct stat stat_;
    stat("hard", &stat_);
    printf("times %ld.%ld and %ld.%ld\n", (long)stat_.st_atim.tv_sec, stat_.st_atim.tv_nsec,
           (long)stat_.st_mtim.tv_sec, stat_.st_mtim.tv_nsec);
    // UTIME_NOW, UTIME_OMIT and no times at all aren't tried: Debian's wasi-libc gets all three wrong.
    struct timespec before, after, pause = {0, 2000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&pause, 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long slept = (after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec);
    printf("slept long enough: %d\n", slept >= 2000000);
    clock_gettime(CLOCK_REALTIME, &before);
    printf("this century: %d\n", before.tv_sec > 1000000000);
    clock_getres(CLOCK_MONOTONIC, &after);
    printf("resolution above zero: %d\n", after.tv_nsec > 0);
    struct pollfd ready = {1, POLLOUT, 0};
    SAY(poll(&ready, 1, 1000));
    printf("stdout takes bytes: %d\n", (ready.revents & POLLOUT) != 0);
    unsigned char one[16] = {0}, other[16] = {0};
    getentropy(one, sizeof one);
    getentropy(other, sizeof other);
    printf("draws differ: %d\n", memcmp(one, other, sizeof one) != 0);
}

int main(int argc, char **argv) {
    arguments(argc, argv);
    files();
    folders();
    links();
    times();
    fprintf(stderr, "leaving with 7\n");
    return 7;
}
