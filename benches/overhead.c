/*
 * What calls through the C ABI cost, in nanoseconds: a trivial one, and a call of a progress callback.
 *
 *     overhead DATABASE
 *
 * The callback's share is the difference of two migrations that end before they touch the file: its answer cancels one, a token
 * the other. Each figure is the best of five rounds, as a busy machine only ever makes it larger.
 */
#define _XOPEN_SOURCE 700
#include <expmig.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5, NAMES = 1000000, MIGRATIONS = 100000 };

static volatile double seen;

static int32_t cancel_at_once(const expmig_progress *progress, void *user_data)
{
    (void)user_data;
    seen = progress->completion_percentage;
    return EXPMIG_CALLBACK_CANCEL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double names(void)
{
    const char *volatile name;
    double began = now();
    int32_t i;
    for (i = 0; i < NAMES; i++)
        name = expmig_status_name(i % 23);
    (void)name;
    return (now() - began) / NAMES;
}

static double migrations(const expmig_manager *manager, const expmig_migrate_options *options)
{
    double began = now();
    int i;
    for (i = 0; i < MIGRATIONS; i++) {
        expmig_migration *result;
        if (expmig_migrate_experiment(manager, 1, NULL, options, &result, NULL) != EXPMIG_CANCELLED)
            exit(EXIT_FAILURE);
    }
    return (now() - began) / MIGRATIONS;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    expmig_database *database;
    expmig_manager *manager;
    expmig_migrate_options by_callback, by_token;
    expmig_cancel *cancel = expmig_cancel_new();
    double name = 1e9, callback = 1e9, token = 1e9;
    int round;
    if (argc != 2 || cancel == NULL)
        return EXIT_FAILURE;
    if (expmig_database_open(argv[1], NULL, &database, NULL) != EXPMIG_OK ||
        expmig_manager_new(database, NULL, &manager, NULL) != EXPMIG_OK ||
        expmig_migrate_options_init(&by_callback, sizeof by_callback) != EXPMIG_OK ||
        expmig_migrate_options_init(&by_token, sizeof by_token) != EXPMIG_OK)
        return EXIT_FAILURE;
    expmig_cancel_trigger(cancel);
    by_callback.progress_fn = cancel_at_once;
    by_token.cancel = cancel;
    for (round = 0; round < ROUNDS; round++) {
        name = least(name, names());
        callback = least(callback, migrations(manager, &by_callback));
        token = least(token, migrations(manager, &by_token));
    }
    printf("expmig_status_name %.1f ns\n", name);
    printf("progress callback %.1f ns\n", callback - token);
    expmig_manager_free(manager);
    expmig_database_close(database);
    expmig_cancel_free(cancel);
    return EXIT_SUCCESS;
}
