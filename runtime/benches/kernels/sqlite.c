// SQLite, in memory: 60,000 rows in one transaction, two indexes, then range, text and group queries.
#include "sqlite3.h"
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *db;

// SQLite's own platform layer needs more of POSIX than preview 1 has. A database in memory needs no more than this.
static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    (void)vfs, (void)name, (void)file, (void)flags, (void)out;
    return SQLITE_CANTOPEN;
}
static int same_random(sqlite3_vfs *vfs, int bytes, char *out) {
    (void)vfs;
    for (int i = 0; i < bytes; i++) out[i] = (char)(i * 37);
    return bytes;
}
static int no_time(sqlite3_vfs *vfs, double *days) {
    (void)vfs;
    *days = 2440587.5;
    return SQLITE_OK;
}
static int full_name(sqlite3_vfs *vfs, const char *name, int bytes, char *out) {
    (void)vfs;
    snprintf(out, (size_t)bytes, "%s", name);
    return SQLITE_OK;
}
static sqlite3_vfs memory_only = {.iVersion = 1, .szOsFile = 8, .mxPathname = 64, .zName = "memory-only",
                                  .xOpen = no_file, .xFullPathname = full_name, .xRandomness = same_random,
                                  .xCurrentTime = no_time};
int sqlite3_os_init(void) { return sqlite3_vfs_register(&memory_only, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

static void check(int code, int wanted) {
    if (code == wanted) return;
    printf("sqlite: %d, %s\n", code, sqlite3_errmsg(db));
    exit(1);
}

static long long number(const char *sql) {
    sqlite3_stmt *query;
    check(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    check(sqlite3_step(query), SQLITE_ROW);
    long long value = sqlite3_column_int64(query, 0);
    check(sqlite3_finalize(query), SQLITE_OK);
    return value;
}

int main(void) {
    check(sqlite3_open(":memory:", &db), SQLITE_OK);
    check(sqlite3_exec(db, "create table item(id integer primary key, name text, price real, kind int); begin", 0, 0, 0),
          SQLITE_OK);
    sqlite3_stmt *insert;
    check(sqlite3_prepare_v2(db, "insert into item(name, price, kind) values(?, ?, ?)", -1, &insert, NULL), SQLITE_OK);
    unsigned x = 1;
    for (int i = 0; i < 60000; i++) {
        char name[32];
        x = x * 1664525 + 1013904223;
        sqlite3_bind_text(insert, 1, name, snprintf(name, sizeof name, "item %u", x >> 12), SQLITE_TRANSIENT);
        sqlite3_bind_double(insert, 2, (x >> 8) % 10000 / 100.0);
        sqlite3_bind_int(insert, 3, (int)(x >> 16) % 97);
        check(sqlite3_step(insert), SQLITE_DONE);
        check(sqlite3_reset(insert), SQLITE_OK);
    }
    check(sqlite3_finalize(insert), SQLITE_OK);
    check(sqlite3_exec(db, "commit; create index by_name on item(name); create index by_kind on item(kind, price)", 0, 0, 0),
          SQLITE_OK);
    long long sum = number("select count(*) from item where name like '%7%'");
    sum += number("select sum(length(name)) from item where name between 'item 3' and 'item 6'");
    sum += number("select count(*) from (select kind, avg(price) a from item group by kind having a > 50)");
    sum += number("select sum(a.id) from item a join item b on a.kind = b.kind and a.price = b.price where b.id < 3000");
    check(sqlite3_exec(db, "update item set price = price * 1.1 where kind < 40; delete from item where kind = 50", 0, 0, 0),
          SQLITE_OK);
    sum += number("select count(distinct name) from item") + number("select cast(sum(price) as int) from item");
    printf("%lld\n", sum);
    return sqlite3_close(db);
}
