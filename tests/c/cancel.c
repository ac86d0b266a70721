/* Cancel tokens. */
#include "check.h"
#include <signal.h>

static expmig_cancel *watched = NULL;

static void on_signal(int number)
{
    (void)number;
    expmig_cancel_trigger(watched);
}

static int32_t raise_signal(const expmig_progress *progress, void *user_data)
{
    int *calls = user_data;
    (void)progress;
    (*calls)++;
    CHECK(raise(SIGUSR1) == 0);
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t free_token(const expmig_progress *progress, void *user_data)
{
    expmig_cancel **token = user_data;
    (void)progress;
    expmig_cancel_free(*token);
    *token = NULL;
    return EXPMIG_CALLBACK_CONTINUE;
}

static int32_t trigger_token(const expmig_progress *progress, void *user_data)
{
    (void)progress;
    expmig_cancel_trigger(user_data);
    return EXPMIG_CALLBACK_CONTINUE;
}

/* A token that was triggered before stops every call that takes one, and nothing is written. */
static void before_the_call(const expmig_manager *manager)
{
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_job_options job = job_options();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = GARBAGE;
    CHECK(cancel != NULL);
    expmig_cancel_trigger(cancel);
    expmig_cancel_trigger(cancel);
    job.cancel = cancel;
    options.cancel = cancel;
    memset(digest, 0x5a, sizeof digest);
    FAILS(EXPMIG_CANCELLED, expmig_experiment_digest(manager, 1, &job, digest, &err));
    CHECK(filled_with(digest, 0));
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_MIGRATION);
    FAILS(EXPMIG_CANCELLED, expmig_experiment_compare(manager, 1, manager, 2, &job, &json, &err));
    CHECK(json == NULL);
    json = GARBAGE;
    FAILS(EXPMIG_CANCELLED, expmig_migrate_plan(manager, 1, NULL, &options, &json, &err));
    CHECK(json == NULL);
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    CHECK_INT(count_experiments(manager), 3);
    expmig_cancel_free(cancel);
    /* The manager is none the worse. */
    OK(expmig_experiment_digest(manager, 1, NULL, digest, &err));
}

static void from_a_signal_handler(const expmig_manager *manager)
{
    struct sigaction action, old;
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    int calls = 0;
    watched = expmig_cancel_new();
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    CHECK(sigaction(SIGUSR1, &action, &old) == 0);
    options.cancel = watched;
    options.progress_fn = raise_signal;
    options.progress_user_data = &calls;
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(sigaction(SIGUSR1, &old, NULL) == 0);
    CHECK(result == NULL);
    CHECK_INT(calls, 1);
    expmig_cancel_free(watched);
    CHECK_INT(count_experiments(manager), 3);
}

static void from_a_callback(const expmig_manager *manager)
{
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    options.cancel = cancel;
    options.progress_fn = trigger_token;
    options.progress_user_data = cancel;
    FAILS(EXPMIG_CANCELLED, expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(result == NULL);
    expmig_cancel_free(cancel);
}

/* The call keeps what it needs of a token that is freed meanwhile. */
static void freed_meanwhile(const expmig_manager *manager)
{
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_migrate_options options = migrate_options();
    expmig_migration *result = GARBAGE;
    options.cancel = cancel;
    options.progress_fn = free_token;
    options.progress_user_data = &cancel;
    OK(expmig_migrate_experiment(manager, 1, NULL, &options, &result, &err));
    CHECK(cancel == NULL);
    expmig_migration_free(result);
}

int main(void)
{
    expmig_manager *manager = open_manager("small.db", 0);
    expmig_cancel_trigger(NULL);
    expmig_cancel_free(NULL);
    expmig_cancel_free(expmig_cancel_new());
    before_the_call(manager);
    from_a_signal_handler(manager);
    from_a_callback(manager);
    freed_meanwhile(manager);
    expmig_manager_free(manager);
    forget_error();
    return 0;
}
