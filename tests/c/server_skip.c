/*
 * A host that stops reading rows which come one by one, for longer than the server may be silent: it is not, so the connection stays. Over a
 * Unix socket no bytes are counted. Run by tests/hosts/servers.rs.
 *
 *   server_skip URL    URL: ends with read-timeout-ms=1500
 */
#include "check.h"

enum { LIMIT_MS = 1500 };

#define ROWS                                                                                                           \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "                                  \
    "SELECT REPEAT('x', 4000), SLEEP(0.0025) FROM n"

static int64_t now_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int32_t take_one(const expmig_row *row, void *data)
{
    *(int64_t *)data = row->values[0].integer;
    return 0;
}

static int32_t enough(const expmig_row *row, void *data)
{
    (void)row;
    (void)data;
    return EXPMIG_CALLBACK_CANCEL;
}

static int64_t connection_of(const expmig_database *database)
{
    int64_t id = 0;
    OK(expmig_database_query(database, "SELECT CONNECTION_ID()", NULL, 0, take_one, &id, &err));
    return id;
}

int main(int count, char **arguments)
{
    expmig_database *database;
    int64_t id, since;
    CHECK(count == 2);
    database = open_with(arguments[1], EXPMIG_OPEN_CREATE, 0);
    id = connection_of(database);
    since = now_ms();
    FAILS(EXPMIG_CANCELLED, expmig_database_query(database, ROWS, NULL, 0, enough, NULL, &err));
    CHECK(now_ms() - since > LIMIT_MS);
    CHECK_INT(connection_of(database), id);
    expmig_database_close(database);
    forget_error();
    return 0;
}
