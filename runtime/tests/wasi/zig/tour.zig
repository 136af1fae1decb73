//! A Zig program's view of the outside world, without a libc: the same on Linux and under a job.

const std = @import("std");
const Io = std.Io;

pub fn main(init: std.process.Init) !void {
    const arena = init.arena.allocator();
    const io = init.io;
    var buffer: [1024]u8 = undefined;
    var writer: Io.File.Writer = .init(.stdout(), io, &buffer);
    const out = &writer.interface;

    const args = try init.minimal.args.toSlice(arena);
    for (args[1..]) |arg| try out.print("argument {s}\n", .{arg});
    const here = Io.Dir.cwd();
    try out.print("given {s}\n", .{try here.readFileAlloc(io, "given.txt", arena, .limited(1000))});
    if (here.readFileAlloc(io, "none", arena, .limited(1000))) |_| {
        try out.print("none is there\n", .{});
    } else |failure| try out.print("none {t}\n", .{failure});
    try here.createDirPath(io, "a/b/c");
    if (here.createDir(io, "a", .default_dir)) |_| {} else |failure| try out.print("again {t}\n", .{failure});
    try here.writeFile(io, .{ .sub_path = "a/new.txt", .data = "hello, world" });
    try here.rename("a/new.txt", here, "a/b/moved.txt", io);
    const stat = try here.statFile(io, "a/b/moved.txt", .{});
    try out.print("{d} bytes, {t}\n", .{ stat.size, stat.kind });
    try here.symLink(io, "b/moved.txt", "a/link", .{});
    var target: [100]u8 = undefined;
    const used = try here.readLink(io, "a/link", &target);
    // Not opened: without a libc, Zig asks WASI not to follow links.
    try out.print("leads to {s}\n", .{target[0..used]});
    try here.deleteFile(io, "a/link");
    try out.flush();
    std.process.exit(7);
}
