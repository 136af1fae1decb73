// SQLite with a database in a file: what SQLite's own file code does with the outside world.
#include "sqlite3.h"
#include <stdio.h>

static int show(void *_, int count, char **values, char **names) {
    (void)_, (void)names;
    for (int i = 0; i < count; i++) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "null");
    puts("");
    return 0;
}

int main(int argc, char **argv) {
    sqlite3 *db;
    char *error = 0;
    if (sqlite3_open(argc > 1 ? argv[1] : "test.db", &db)) return 2;
    const char *work[] = {
        "pragma journal_mode", "create table t(n integer primary key, s text, r real)", "begin",
        "with recursive c(n) as (select 1 union all select n+1 from c where n < 20000)"
        " insert into t select n, 'row ' || n, n / 7.0 from c", "commit",
        "create index by_text on t(s)", "begin", "delete from t where n % 3 = 0", "rollback",
        "delete from t where n % 5 = 0", "select count(*), sum(n), avg(r) from t",
        "select n, s, r from t where s between 'row 19' and 'row 190' order by s limit 3",
        "vacuum", "pragma integrity_check", "pragma page_count",
    };
    for (unsigned i = 0; i < sizeof work / sizeof *work; i++)
        if (sqlite3_exec(db, work[i], show, 0, &error)) return printf("%s: %s\n", work[i], error), 1;
    sqlite3_close(db);
    return 0;
}
