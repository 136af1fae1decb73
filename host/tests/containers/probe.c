/* What a program tries that wants out of its container; prints one line for each attempt, with what came of it.
   The tests know what each line must say. Linked statically, so that it runs in an image of two files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/if_packet.h>
#include <unistd.h>

static void said(const char *what, long result) {
    printf("%s: %s\n", what, result >= 0 ? "done" : strerrorname_np(errno));
}

int main(void) {
    printf("uid: %d %d, gid: %d %d\n", getuid(), geteuid(), getgid(), getegid());
    said("setuid", setuid(0));
    said("mknod", mknod("/tmp/sda", S_IFBLK | 0666, makedev(8, 0)));
    said("mknod output", mknod("/outputs/mem", S_IFCHR | 0666, makedev(1, 1)));
    said("open /dev/mem", open("/dev/mem", O_RDWR));
    said("open /dev/kmsg", open("/dev/kmsg", O_RDWR));
    said("open /dev/loop-control", open("/dev/loop-control", O_RDWR));
    said("open /dev/fuse", open("/dev/fuse", O_RDWR));
    said("mount", mount("tmpfs", "/tmp", "tmpfs", 0, ""));
    said("umount", umount2("/outputs", MNT_DETACH));
    said("chroot", chroot("/tmp"));
    said("unshare user", unshare(CLONE_NEWUSER));
    said("unshare mount", unshare(CLONE_NEWNS));
    said("ptrace", ptrace(PTRACE_SEIZE, 1, 0, 0));
    said("raw socket", socket(AF_PACKET, SOCK_RAW, 0));
    said("module", syscall(SYS_init_module, "", 0L, ""));
    said("bpf", syscall(SYS_bpf, 0, 0, 0));
    said("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    said("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
    said("sethostname", sethostname("x", 1));
    said("write sysrq", open("/proc/sysrq-trigger", O_WRONLY));
    said("write sysctl", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    said("write root", open("/escaped", O_WRONLY | O_CREAT, 0666));
    said("write hosts", open("/etc/hosts", O_WRONLY));
    said("write cgroup", open("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY));
    return 0;
}
