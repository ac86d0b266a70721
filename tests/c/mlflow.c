/* Experiments of a store of MLflow's: ids and names that are taken, workspaces, and where artifacts are, of migrations and imports. mlflow.db has four
   experiments, of which 3 is called abandoned and has one run. */
#include "check.h"

static const int64_t abandoned = 3;

/* Whether the fields are what a caller gets who asks for nothing, and a caller of a time before them can go on. */
static void defaults_are_those_of_the_header(void)
{
    expmig_import_options import;
    expmig_migrate_options migrate;
    CHECK(expmig_import_options_init(&import, sizeof import) == EXPMIG_OK);
    CHECK(import.on_conflict == EXPMIG_CONFLICT_ERROR && import.on_name == EXPMIG_NAME_SUFFIX);
    CHECK(import.workspace == NULL && import.artifacts_from == NULL && import.artifacts_to == NULL);
    CHECK(import.target_experiment_id == NULL);
    CHECK(expmig_migrate_options_init(&migrate, sizeof migrate) == EXPMIG_OK);
    CHECK(migrate.on_conflict == EXPMIG_CONFLICT_ERROR && migrate.on_name == EXPMIG_NAME_SUFFIX);
    CHECK(migrate.workspace == NULL && migrate.artifacts_from == NULL && migrate.artifacts_to == NULL);
    const size_t earlier = offsetof(expmig_import_options, on_conflict);
    import.on_conflict = 77;
    CHECK(expmig_import_options_init(&import, earlier) == EXPMIG_OK);
    CHECK(import.struct_size == earlier && import.on_conflict == 77);
    CHECK(expmig_import_options_init(&import, earlier - 1) == EXPMIG_INVALID_ARGUMENT);
}

/* The id of the experiment, and the result. */
static int64_t imported(const expmig_manager *manager, const char *document, const expmig_import_options *options, char **result)
{
    int64_t id = -1;
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), options, &id, result, &err));
    return id;
}

static void imports_go_where_they_are_asked_to(const expmig_manager *manager)
{
    char *document = NULL, *result = NULL;
    int64_t id = -1;
    expmig_import_options options;
    CHECK(expmig_import_options_init(&options, sizeof options) == EXPMIG_OK);
    OK(expmig_export_experiment_to_string(manager, abandoned, NULL, &document, &err));
    const size_t length = strlen(document);
#define IMPORT() expmig_import_experiment_from_string(manager, document, length, &options, &id, &result, &err)
    FAILS(EXPMIG_ALREADY_EXISTS, IMPORT());
    CHECK(id == 0 && result == NULL);
    options.on_conflict = 3;
    FAILS_ON("on_conflict", IMPORT());
    options.on_conflict = EXPMIG_CONFLICT_SKIP;
    FAILS_ON("on_conflict", IMPORT());
    options.on_conflict = EXPMIG_CONFLICT_NEW;
    options.on_name = -1;
    FAILS_ON("on_name", IMPORT());
    options.on_name = EXPMIG_NAME_ERROR;
    FAILS(EXPMIG_ALREADY_EXISTS, IMPORT());
    options.on_name = EXPMIG_NAME_SUFFIX;
    options.artifacts_from = "mlflow-artifacts:/";
    FAILS_ON("artifacts_to", IMPORT());
    options.artifacts_to = "s3://bucket/";
    options.workspace = "nowhere";
    FAILS(EXPMIG_NOT_FOUND, IMPORT());
    options.workspace = "\xff";
    FAILS_ON("workspace", IMPORT());
    options.workspace = "default";
    CHECK_INT(imported(manager, document, &options, &result), 4);
    CHECK_HAS(result, "abandoned (2)");
    CHECK_HAS(result, "\"after\":\"s3://bucket/abandoned\"");
    CHECK_HAS(result, "\"keys\":{");
    expmig_string_free(result);
    options.artifacts_from = options.artifacts_to = options.workspace = NULL;
    const int64_t into = 4, none = 99;
    options.target_experiment_id = &into;
    CHECK_INT(imported(manager, document, &options, NULL), into);
    options.target_experiment_id = &none;
    FAILS(EXPMIG_NOT_FOUND, IMPORT());
    /* What is there with the same content is left as it is. */
    options.target_experiment_id = NULL;
    options.on_name = EXPMIG_NAME_APPEND;
    options.on_conflict = EXPMIG_CONFLICT_SKIP;
    CHECK_INT(imported(manager, document, &options, &result), abandoned);
    CHECK_HAS(result, "1 runs were there already");
    expmig_string_free(result);
    expmig_string_free(document);
#undef IMPORT
}

static void migrations_go_where_they_are_asked_to(const expmig_manager *manager, const expmig_manager *target)
{
    expmig_migration *result = GARBAGE;
    expmig_migrate_options options;
    CHECK(expmig_migrate_options_init(&options, sizeof options) == EXPMIG_OK);
#define MIGRATE() expmig_migrate_experiment(manager, abandoned, target, &options, &result, &err)
    FAILS(EXPMIG_ALREADY_EXISTS, MIGRATE());
    CHECK(result == NULL);
    options.on_conflict = 9;
    FAILS_ON("on_conflict", MIGRATE());
    options.on_conflict = EXPMIG_CONFLICT_NEW;
    options.on_name = 9;
    FAILS_ON("on_name", MIGRATE());
    options.on_name = EXPMIG_NAME_APPEND;
    options.artifacts_to = "s3://bucket/";
    FAILS_ON("artifacts_to", MIGRATE());
    options.artifacts_from = "mlflow-artifacts:/";
    options.workspace = "nowhere";
    FAILS(EXPMIG_NOT_FOUND, MIGRATE());
    options.workspace = "default";
    OK(MIGRATE());
    CHECK_INT(expmig_migration_new_experiment_id(result), abandoned);
    CHECK_HAS(expmig_migration_to_json(result), "s3://bucket/abandoned");
    expmig_migration_free(result);
    options.flags = EXPMIG_MIGRATE_ALLOW_LOSSY;
    FAILS(EXPMIG_UNSUPPORTED, MIGRATE());
    CHECK_HAS(expmig_error_message(err), "losses");
#undef MIGRATE
}

/* Experiment Manager's databases have no such things. */
static void others_refuse_them(const expmig_manager *digits)
{
    char *document = NULL;
    int64_t id = 0;
    const int64_t into = 1;
    expmig_import_options options;
    OK(expmig_export_experiment_to_string(digits, 1, NULL, &document, &err));
    CHECK(expmig_import_options_init(&options, sizeof options) == EXPMIG_OK);
    options.on_name = EXPMIG_NAME_APPEND;
    FAILS(EXPMIG_UNSUPPORTED, expmig_import_experiment_from_string(digits, document, strlen(document), &options, &id, NULL, &err));
    CHECK_TEXT(detail("parameter"), "on_name");
    options.on_name = EXPMIG_NAME_SUFFIX;
    options.target_experiment_id = &into;
    FAILS(EXPMIG_UNSUPPORTED, expmig_import_experiment_from_string(digits, document, strlen(document), &options, &id, NULL, &err));
    CHECK_TEXT(detail("parameter"), "target_experiment_id");
    expmig_string_free(document);
}

int main(void)
{
    expmig_manager *manager = open_manager("mlflow.db", 0), *other = open_manager("other.db", 0), *digits = open_manager("small.db", 0);
    defaults_are_those_of_the_header();
    migrations_go_where_they_are_asked_to(manager, other);
    imports_go_where_they_are_asked_to(manager);
    others_refuse_them(digits);
    expmig_manager_free(manager);
    expmig_manager_free(other);
    expmig_manager_free(digits);
    forget_error();
    return 0;
}
