/*
 * What every C test uses. A test program runs in a folder of its own that holds databases: digits.db (tests/data),
 * small.db (the same three experiments, 82 rows each), and twice the same store of MLflow's, mlflow.db and other.db. It prints nothing and exits with 0, or says which line failed.
 */
#ifndef CHECK_H
#define CHECK_H

#define _XOPEN_SOURCE 700
#include <errno.h>
#include <expmig.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What outputs hold before a call, so that a test sees whether the call sets them. */
#define GARBAGE ((void *)(uintptr_t)0x5a5a5a5a5a5a5a58u)

/* The error of the latest OK, FAILS or FAILS_ON. */
static expmig_error *err = NULL;

static inline void check_line(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_line(__FILE__, __LINE__, #condition);                                                                \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

#define CHECK_TEXT(got, want) check_text(__FILE__, __LINE__, (got), (want))
#define CHECK_HAS(text, part) check_has(__FILE__, __LINE__, (text), (part))
#define CHECK_INT(got, want) check_int(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(want))

static inline void check_text(const char *file, int line, const char *got, const char *want)
{
    if (got == NULL || strcmp(got, want) != 0) {
        check_line(file, line, got ? got : "NULL");
        fprintf(stderr, "instead of %s\n", want);
        exit(1);
    }
}

static inline void check_has(const char *file, int line, const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        check_line(file, line, text ? text : "NULL");
        fprintf(stderr, "does not have %s\n", part);
        exit(1);
    }
}

static inline void check_int(const char *file, int line, const char *what, intmax_t got, intmax_t want)
{
    if (got != want) {
        check_line(file, line, what);
        fprintf(stderr, "is %" PRIdMAX " instead of %" PRIdMAX "\n", got, want);
        exit(1);
    }
}

/* OK(call): the call, whose last argument is &err, succeeds and leaves no error.
   FAILS(status, call): it fails with that status and with an error that is whole; err has it until the next of these.
   FAILS_ON(parameter, call): it fails with EXPMIG_INVALID_ARGUMENT, and the detail "parameter" is as given. */
#define OK(call) (check_begin(), check_ok(__FILE__, __LINE__, #call, (call)))
#define FAILS(status, call) (check_begin(), check_fails(__FILE__, __LINE__, #call, (status), (call)))
#define FAILS_ON(parameter, call)                                                                                      \
    do {                                                                                                               \
        FAILS(EXPMIG_INVALID_ARGUMENT, call);                                                                          \
        CHECK_TEXT(detail("parameter"), parameter);                                                                    \
    } while (0)

/* Frees the latest error. The last thing that a program does. */
static inline void forget_error(void)
{
    expmig_error_free(err);
    err = NULL;
}

static inline void check_begin(void)
{
    forget_error();
    err = (expmig_error *)GARBAGE;
}

static inline void check_ok(const char *file, int line, const char *call, expmig_status status)
{
    if (status != EXPMIG_OK) {
        check_line(file, line, call);
        fprintf(stderr, "failed: %s: %s\n", expmig_status_name(status), expmig_error_message(err));
        exit(1);
    }
    if (err != NULL) {
        check_line(file, line, "a call that succeeds sets *error to NULL");
        exit(1);
    }
}

/* Every promise of the header about errors, whatever the error. */
static inline int error_is_whole(const expmig_error *error, expmig_status status)
{
    size_t i, count = expmig_error_detail_count(error);
    const char *message = expmig_error_message(error), *json = expmig_error_to_json(error);
    char field[64];
    if (expmig_error_status(error) != status || *message == 0 || strchr(message, '\n') != NULL)
        return 0;
    if (strcmp(expmig_domain_name(expmig_error_domain(error)), "UNKNOWN") == 0 || expmig_error_hint(error) == NULL)
        return 0;
    if (expmig_error_retryable(error) != (status == EXPMIG_BUSY || status == EXPMIG_CONNECTION))
        return 0;
    if (*expmig_error_sqlstate(error) != 0 || expmig_error_cause(error) != NULL)
        return 0;
    for (i = 0; i < count; i++)
        if (*expmig_error_detail_key(error, i) == 0 || expmig_error_detail_value(error, i) == NULL)
            return 0;
    if (expmig_error_detail_key(error, count) != NULL || expmig_error_detail_value(error, count) != NULL)
        return 0;
    snprintf(field, sizeof field, "\"status\":\"%s\"", expmig_status_name(status));
    return strstr(json, "\"schema\":\"expmig.error/1\"") != NULL && strstr(json, field) != NULL;
}

static inline void check_fails(const char *file, int line, const char *call, expmig_status want, expmig_status got)
{
    if (got != want) {
        check_line(file, line, call);
        fprintf(stderr, "answered %s instead of %s: %s\n", expmig_status_name(got), expmig_status_name(want),
                got == EXPMIG_OK ? "" : expmig_error_message(err));
        exit(1);
    }
    if (err == NULL || err == (expmig_error *)GARBAGE || !error_is_whole(err, want)) {
        check_line(file, line, call);
        fprintf(stderr, "gave no error or not a whole one: %s\n",
                err == NULL || err == (expmig_error *)GARBAGE ? "" : expmig_error_to_json(err));
        exit(1);
    }
}

/* The value of the latest error's first detail with this key; "" if there is none. */
static inline const char *detail(const char *key)
{
    size_t i;
    for (i = 0; i < expmig_error_detail_count(err); i++)
        if (strcmp(expmig_error_detail_key(err, i), key) == 0)
            return expmig_error_detail_value(err, i);
    return "";
}

/* Runs a program, without a shell; answers its exit code. */
static inline int run(const char *program, const char *a, const char *b, const char *c)
{
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execlp(program, program, a, b, c, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* SQL in the sqlite3 shell: in another process, so that no second SQLite comes into this one. */
static inline void sql(const char *path, const char *statements)
{
    CHECK_INT(run("sqlite3", "-bail", path, statements), 0);
}

static inline void copy_file(const char *from, const char *to)
{
    CHECK_INT(run("cp", from, to, NULL), 0);
}

/* Whether two files are equal. In another process too: closing a database file would drop our own locks on it. */
static inline int same_file(const char *a, const char *b)
{
    return run("cmp", "-s", a, b) == 0;
}

static inline void sleep_ms(long ms)
{
    struct timespec wait;
    wait.tv_sec = ms / 1000;
    wait.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&wait, NULL);
}

/* Another process that holds a lock on a database from lock() to unlock(). */
typedef struct {
    pid_t process;
    int input;
} locker;

static inline locker lock(const char *path, const char *begin)
{
    locker other;
    int in[2], out[2];
    char answer[6] = "";
    CHECK(pipe(in) == 0 && pipe(out) == 0);
    other.process = fork();
    CHECK(other.process >= 0);
    if (other.process == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execlp("sqlite3", "sqlite3", "-bail", "-batch", path, (char *)NULL);
        _exit(127);
    }
    close(in[0]), close(out[1]);
    other.input = in[1];
    CHECK(dprintf(other.input, "%s;\n.print ready\n", begin) > 0);
    CHECK(read(out[0], answer, sizeof answer) == 6 && memcmp(answer, "ready\n", 6) == 0);
    close(out[0]);
    return other;
}

/* Makes the other process let go by itself, 0.3 seconds from now. */
static inline void let_go_soon(locker other)
{
    CHECK(dprintf(other.input, ".shell sleep 0.3\nROLLBACK;\n") > 0);
}

static inline void unlock(locker other)
{
    close(other.input);
    CHECK(waitpid(other.process, NULL, 0) == other.process);
}

static inline expmig_database *open_with(const char *path, uint32_t flags, int64_t busy_timeout_ms)
{
    expmig_open_options options;
    expmig_database *database = (expmig_database *)GARBAGE;
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = flags;
    options.busy_timeout_ms = busy_timeout_ms;
    OK(expmig_database_open(path, &options, &database, &err));
    CHECK(database != NULL && database != (expmig_database *)GARBAGE);
    return database;
}

static inline expmig_database *open_database(const char *path)
{
    return open_with(path, 0, 5000);
}

static inline expmig_manager *manager_of(const expmig_database *database)
{
    expmig_manager *manager = (expmig_manager *)GARBAGE;
    OK(expmig_manager_new(database, NULL, &manager, &err));
    CHECK(manager != NULL && manager != (expmig_manager *)GARBAGE);
    return manager;
}

/* A manager that is the only one to keep its database open. */
static inline expmig_manager *open_manager(const char *path, uint32_t flags)
{
    expmig_database *database = open_with(path, flags, 5000);
    expmig_manager *manager = manager_of(database);
    expmig_database_close(database);
    return manager;
}

/* How many experiments there are. */
static inline int count_experiments(const expmig_manager *manager)
{
    char *json = NULL;
    const char *at;
    int count = 0;
    OK(expmig_experiment_list(manager, &json, &err));
    for (at = strstr(json, "\"id\":"); at != NULL; at = strstr(at + 1, "\"id\":"))
        count++;
    expmig_string_free(json);
    return count;
}

/* Whether 32 bytes are all the same. */
static inline int filled_with(const uint8_t *digest, uint8_t byte)
{
    size_t i;
    for (i = 0; i < EXPMIG_DIGEST_SIZE; i++)
        if (digest[i] != byte)
            return 0;
    return 1;
}

static inline expmig_migrate_options migrate_options(void)
{
    expmig_migrate_options options;
    CHECK(expmig_migrate_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

static inline expmig_job_options job_options(void)
{
    expmig_job_options options;
    CHECK(expmig_job_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

static inline expmig_validate_options validate_options(void)
{
    expmig_validate_options options;
    CHECK(expmig_validate_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

/* Under valgrind everything takes some thirty times as long. */
static inline int slow_tool(void)
{
    return getenv("CHECK_SLOW_TOOL") != NULL;
}

/* Whether this runs with clang's or gcc's sanitizers, whose own allocator leaves a child of a process with threads waiting. */
static inline int sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return 1;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return 1;
#else
    return 0;
#endif
#else
    return 0;
#endif
}

/* Ends a child after a fork. What threads of the parent have on their stacks is lost in it, so that nobody is asked about leaks there. */
static inline void end_child(int code)
{
    if (slow_tool() && code == 0)
        execlp("true", "true", (char *)NULL);
    _exit(code);
}

#endif
