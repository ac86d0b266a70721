/* Option structs: their defaults, and every size and flag that a caller could pass. */
#include "check.h"

enum { TAIL = 24 };

/* The size that a struct had at first; smaller ones never were. */
#define FIRST_SIZE(type) sizeof(type)

/* An options struct with room behind it, as a program built with a later header would have. */
#define SIZED(type)                                                                                                    \
    union {                                                                                                            \
        type known;                                                                                                    \
        uint32_t struct_size;                                                                                          \
        unsigned char bytes[sizeof(type) + TAIL];                                                                      \
    }

static int all_zero(const unsigned char *bytes, size_t count)
{
    while (count > 0)
        if (bytes[--count] != 0)
            return 0;
    return 1;
}

/* What holds for every init function. The struct is left with the right size. */
#define CHECK_INIT(type, init)                                                                                         \
    do {                                                                                                               \
        static const size_t impossible[] = {0, 1, 4, 8, FIRST_SIZE(type) - 1, 4097, 1u << 20, UINT32_MAX, SIZE_MAX};   \
        SIZED(type) sized;                                                                                             \
        type exact;                                                                                                    \
        size_t at;                                                                                                     \
        CHECK(init(NULL, sizeof(type)) == EXPMIG_INVALID_ARGUMENT);                                                    \
        CHECK(init(NULL, 0) == EXPMIG_INVALID_ARGUMENT);                                                               \
        memset(&sized, 0x5a, sizeof sized);                                                                            \
        for (at = 0; at < sizeof impossible / sizeof *impossible; at++)                                                \
            CHECK(init(&sized.known, impossible[at]) == EXPMIG_INVALID_ARGUMENT);                                      \
        CHECK(sized.bytes[0] == 0x5a && sized.bytes[sizeof sized - 1] == 0x5a);                                        \
        CHECK(init(&sized.known, sizeof sized) == EXPMIG_OK);                                                          \
        CHECK_INT(sized.struct_size, sizeof sized);                                                                    \
        CHECK(all_zero(sized.bytes + sizeof(type), TAIL));                                                             \
        memset(&sized, 0x5a, sizeof sized);                                                                            \
        CHECK(init(&sized.known, FIRST_SIZE(type)) == EXPMIG_OK);                                                      \
        CHECK_INT(sized.struct_size, FIRST_SIZE(type));                                                                \
        CHECK(sized.bytes[FIRST_SIZE(type)] == 0x5a);                                                                  \
        CHECK(init(&sized.known, sizeof(type)) == EXPMIG_OK);                                                          \
        CHECK_INT(sized.struct_size, sizeof(type));                                                                    \
        CHECK(sized.bytes[sizeof(type)] == 0x5a);                                                                      \
        CHECK(init(&exact, sizeof exact) == EXPMIG_OK);                                                                \
        CHECK(memcmp(&exact, &sized.known, sizeof exact) == 0);                                                        \
    } while (0)

/* What holds wherever options are read: `call` uses `options` and &err, `undo` frees what it made. */
#define CHECK_SIZES(type, init, call, undo)                                                                            \
    do {                                                                                                               \
        static const uint32_t impossible[] = {0, 1, 4, 8, FIRST_SIZE(type) - 1, 4097, 1u << 20, UINT32_MAX};           \
        SIZED(type) sized;                                                                                             \
        const type *options = &sized.known;                                                                            \
        size_t at;                                                                                                     \
        CHECK(init(&sized.known, sizeof sized) == EXPMIG_OK);                                                          \
        OK(call);                                                                                                      \
        undo;                                                                                                          \
        sized.bytes[sizeof(type)] = 1;                                                                                 \
        FAILS_ON("struct_size", call);                                                                                 \
        sized.bytes[sizeof(type)] = 0;                                                                                 \
        sized.bytes[sizeof sized - 1] = 0x80;                                                                          \
        FAILS_ON("struct_size", call);                                                                                 \
        CHECK(*expmig_error_hint(err) != 0);                                                                           \
        sized.bytes[sizeof sized - 1] = 0;                                                                             \
        for (at = 0; at < sizeof impossible / sizeof *impossible; at++) {                                              \
            sized.struct_size = impossible[at];                                                                        \
            FAILS_ON("struct_size", call);                                                                             \
        }                                                                                                              \
        CHECK_HAS(expmig_error_hint(err), "_options_init");                                                            \
        options = NULL;                                                                                                \
        OK(call);                                                                                                      \
        undo;                                                                                                          \
    } while (0)

/* The same, and that no unknown flag is ignored. */
#define CHECK_READ(type, init, call, undo)                                                                             \
    do {                                                                                                               \
        type flagged;                                                                                                  \
        const type *options = &flagged;                                                                                \
        int bit;                                                                                                       \
        CHECK_SIZES(type, init, call, undo);                                                                           \
        CHECK(init(&flagged, sizeof flagged) == EXPMIG_OK);                                                            \
        for (bit = 0; bit < 32; bit++) {                                                                               \
            flagged.flags = (uint32_t)1 << bit;                                                                        \
            if ((flagged.flags & KNOWN_FLAGS) == 0)                                                                    \
                FAILS_ON("flags", call);                                                                               \
        }                                                                                                              \
    } while (0)

static void defaults(void)
{
    expmig_open_options open;
    expmig_manager_options manager;
    expmig_job_options job = job_options();
    expmig_migrate_options migrate = migrate_options();
    expmig_validate_options validate = validate_options();
    expmig_export_options export_defaults;
    expmig_issue issue;
    CHECK(expmig_export_options_init(&export_defaults, sizeof export_defaults) == EXPMIG_OK);
    CHECK(expmig_issue_init(&issue, sizeof issue) == EXPMIG_OK);
    CHECK(expmig_open_options_init(&open, sizeof open) == EXPMIG_OK);
    CHECK(expmig_manager_options_init(&manager, sizeof manager) == EXPMIG_OK);
    CHECK(open.flags == 0 && open.busy_timeout_ms == 5000 && open.max_read_lock_ms == 2000 && open.temp_dir == NULL);
    CHECK(open.cancel == NULL && open.progress_fn == NULL && open.progress_user_data == NULL);
    CHECK(manager.flags == 0 && manager.snapshot_dir == NULL && manager.log_level == EXPMIG_LOG_INFO);
    CHECK(manager.reserved == 0 && manager.log_fn == NULL && manager.log_user_data == NULL);
    CHECK(manager.log_destroy == NULL);
    CHECK(job.flags == 0 && job.progress_fn == NULL && job.progress_user_data == NULL && job.cancel == NULL);
    CHECK(migrate.flags == 0 && migrate.strategy == EXPMIG_STRATEGY_BALANCED);
    CHECK(migrate.on_duplicate == EXPMIG_DUPLICATE_COPY && migrate.target_experiment_id == NULL);
    CHECK(migrate.batch_size == 1000 && migrate.title_prefix == NULL && migrate.progress_fn == NULL);
    CHECK(migrate.progress_user_data == NULL && migrate.cancel == NULL && migrate.transformation_rules == NULL);
    CHECK(validate.scope == EXPMIG_VALIDATE_ALL && validate.experiment_id == NULL && validate.issue_limit == 1000);
    CHECK(validate.progress_fn == NULL && validate.progress_user_data == NULL && validate.cancel == NULL);
    CHECK(export_defaults.flags == 0 && export_defaults.indent == 0 && export_defaults.file_mode == 0600);
    CHECK(export_defaults.format == NULL && export_defaults.progress_fn == NULL && export_defaults.cancel == NULL);
    CHECK(issue.severity == EXPMIG_SEVERITY_ERROR && issue.kind == NULL && issue.section == NULL && issue.table == NULL);
    CHECK(issue.row_key == NULL && issue.column == NULL && issue.message == NULL && issue.value == NULL);
    CHECK(issue.check == NULL);
}

int main(void)
{
    expmig_database *database = open_database("small.db"), *opened = NULL;
    expmig_manager *manager = manager_of(database), *made = NULL;
    expmig_migration *result = NULL;
    expmig_report *report = NULL;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char *json = NULL;

    defaults();
#undef FIRST_SIZE
#define FIRST_SIZE(type) offsetof(type, password)
    CHECK_INIT(expmig_open_options, expmig_open_options_init);
#undef FIRST_SIZE
#define FIRST_SIZE(type) sizeof(type)
    CHECK_INIT(expmig_manager_options, expmig_manager_options_init);
    CHECK_INIT(expmig_job_options, expmig_job_options_init);
#undef FIRST_SIZE
#define FIRST_SIZE(type) offsetof(type, transformation_rules)
    CHECK_INIT(expmig_migrate_options, expmig_migrate_options_init);
#undef FIRST_SIZE
#define FIRST_SIZE(type) sizeof(type)
    CHECK_INIT(expmig_validate_options, expmig_validate_options_init);
    CHECK_INIT(expmig_export_options, expmig_export_options_init);
    CHECK_INIT(expmig_issue, expmig_issue_init);

#define KNOWN_FLAGS \
    (EXPMIG_OPEN_READONLY | EXPMIG_OPEN_CREATE | EXPMIG_OPEN_ALLOW_SHARED_PROCESS | EXPMIG_OPEN_CREATE_BESIDE)
#undef FIRST_SIZE
#define FIRST_SIZE(type) offsetof(type, password)
    CHECK_READ(expmig_open_options, expmig_open_options_init,
               expmig_database_open("small.db", options, &opened, &err), expmig_database_close(opened));
#undef KNOWN_FLAGS
#undef FIRST_SIZE
#define FIRST_SIZE(type) sizeof(type)
#define KNOWN_FLAGS 0u
    CHECK_READ(expmig_manager_options, expmig_manager_options_init,
               expmig_manager_new(database, options, &made, &err), expmig_manager_free(made));
    CHECK_READ(expmig_job_options, expmig_job_options_init,
               expmig_experiment_digest(manager, 1, options, digest, &err), (void)0);
    CHECK_READ(expmig_job_options, expmig_job_options_init,
               expmig_experiment_compare(manager, 1, manager, 1, options, &json, &err), expmig_string_free(json));
#undef KNOWN_FLAGS
#define KNOWN_FLAGS (EXPMIG_MIGRATE_ALLOW_LOSSY | EXPMIG_MIGRATE_ADD_COLUMNS | EXPMIG_MIGRATE_SNAPSHOT | EXPMIG_MIGRATE_STAGED)
#undef FIRST_SIZE
#define FIRST_SIZE(type) offsetof(type, transformation_rules)
    CHECK_READ(expmig_migrate_options, expmig_migrate_options_init,
               expmig_migrate_plan(manager, 1, NULL, options, &json, &err), expmig_string_free(json));
    CHECK_READ(expmig_migrate_options, expmig_migrate_options_init,
               expmig_migrate_experiment(manager, 1, NULL, options, &result, &err), expmig_migration_free(result));
#undef KNOWN_FLAGS
#undef FIRST_SIZE
#define FIRST_SIZE(type) sizeof(type)
#define KNOWN_FLAGS                                                                                                    \
    (EXPMIG_EXPORT_NO_METRICS | EXPMIG_EXPORT_NO_ARTIFACTS | EXPMIG_EXPORT_SKIP_UNSOUND | EXPMIG_EXPORT_REPLACE)
    CHECK_READ(expmig_export_options, expmig_export_options_init,
               expmig_export_experiment_to_string(manager, 1, options, &json, &err), expmig_string_free(json));
#undef KNOWN_FLAGS
    CHECK_SIZES(expmig_validate_options, expmig_validate_options_init,
                expmig_validate(manager, options, &report, &err), expmig_report_free(report));

    /* Two of each CHECK_READ that migrates: nothing else was written. */
    CHECK_INT(count_experiments(manager), 5);
    expmig_manager_free(manager);
    expmig_database_close(database);
    forget_error();
    return 0;
}
