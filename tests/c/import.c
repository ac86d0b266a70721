/* Importing: a callback, a file, a string, and what ends an import early. */
#include "check.h"

static expmig_import_options import_options(void)
{
    expmig_import_options options;
    CHECK(expmig_import_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

static char *document_of(const expmig_manager *manager, int64_t id)
{
    char *document = GARBAGE;
    OK(expmig_export_experiment_to_string(manager, id, NULL, &document, &err));
    return document;
}

/* The list of experiments, without touching the latest error. */
static char *experiments(const expmig_manager *manager)
{
    char *json = NULL;
    CHECK(expmig_experiment_list(manager, &json, NULL) == EXPMIG_OK);
    return json;
}

/* Fails, zeroes the outputs and leaves the database as it was. */
#define FAILS_UNCHANGED(status, call)                                                                                  \
    do {                                                                                                               \
        char *before = experiments(manager), *after;                                                                   \
        id = 77, json = GARBAGE;                                                                                       \
        FAILS(status, call);                                                                                           \
        CHECK(id == 0 && json == NULL);                                                                                \
        after = experiments(manager);                                                                                  \
        CHECK_TEXT(after, before);                                                                                     \
        expmig_string_free(before);                                                                                    \
        expmig_string_free(after);                                                                                     \
    } while (0)

/* A document that is given in pieces, and what the callback does at one of them. */
typedef struct {
    const char *text;
    size_t length, piece;
    int calls, stop_at, lie_at, ended;
    int32_t answer;
    const expmig_manager *manager;
} given;

static int32_t give(void *buffer, size_t capacity, size_t *length, void *user_data)
{
    given *g = user_data;
    size_t count = g->piece < capacity ? g->piece : capacity;
    CHECK(buffer != NULL && capacity > 0 && *length == 0);
    CHECK(!g->ended && (g->stop_at == 0 || g->calls < g->stop_at));
    g->calls++;
    if (g->manager != NULL) {
        int64_t id = 77;
        expmig_error *error = NULL;
        CHECK(expmig_import_experiment_from_string(g->manager, "{}", 2, NULL, &id, NULL, &error) == EXPMIG_MISUSE);
        CHECK(id == 0);
        expmig_error_free(error);
    }
    if (g->calls == g->stop_at)
        return g->answer;
    if (g->calls == g->lie_at) {
        *length = capacity + 1;
        return EXPMIG_CALLBACK_CONTINUE;
    }
    if (count > g->length)
        count = g->length;
    memcpy(buffer, g->text, count);
    g->text += count;
    g->length -= count;
    g->ended = count == 0;
    *length = count;
    return EXPMIG_CALLBACK_CONTINUE;
}

static given pieces_of(const char *document, size_t piece)
{
    given g;
    memset(&g, 0, sizeof g);
    g.text = document;
    g.length = strlen(document);
    g.piece = piece;
    return g;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(text, 1, strlen(text), file) == strlen(text) && fclose(file) == 0);
}

static void same_digest(const expmig_manager *a, int64_t experiment_a, const expmig_manager *b, int64_t experiment_b)
{
    uint8_t one[EXPMIG_DIGEST_SIZE], other[EXPMIG_DIGEST_SIZE];
    OK(expmig_experiment_digest(a, experiment_a, NULL, one, &err));
    OK(expmig_experiment_digest(b, experiment_b, NULL, other, &err));
    CHECK(memcmp(one, other, sizeof one) == 0);
}

static void ways_in(const expmig_manager *source, const char *document)
{
    expmig_manager *manager = open_manager("new.db", EXPMIG_OPEN_CREATE);
    int64_t id = 77;
    char *json = GARBAGE;
    given g = pieces_of(document, 1000);
    OK(expmig_import_experiment(manager, give, &g, NULL, &id, &json, &err));
    CHECK(g.ended && id == 1);
    CHECK_HAS(json, "{\"schema\":\"expmig.import/1\",\"document_experiment_id\":1,\"experiment_id\":1,\"skipped\":false");
    CHECK_HAS(json, "\"warnings\":[]");
    expmig_string_free(json);
    same_digest(source, 1, manager, id);
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), NULL, &id, &json, &err));
    CHECK(id == 2);
    CHECK_HAS(json, "has the same experiment already: 1");
    expmig_string_free(json);
    write_file("document.json", document);
    OK(expmig_import_experiment_from_file(manager, "document.json", NULL, &id, NULL, &err));
    CHECK(id == 3);
    same_digest(source, 1, manager, id);
    expmig_manager_free(manager);
}

static void options_count(const expmig_manager *source, const char *document)
{
    expmig_manager *manager = open_manager("options.db", EXPMIG_OPEN_CREATE);
    expmig_import_options options = import_options();
    size_t length = strlen(document);
    int64_t id = 77;
    char *json = GARBAGE, *odd, *at;
    CHECK(options.flags == 0 && options.on_duplicate == EXPMIG_DUPLICATE_COPY && options.reserved == 0);
    CHECK(options.max_value_bytes == 64 << 20 && options.progress_fn == NULL && options.cancel == NULL);
    options.flags = EXPMIG_IMPORT_PRESERVE_IDS;
    options.on_duplicate = EXPMIG_DUPLICATE_SKIP;
    OK(expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    CHECK_HAS(json, "\"skipped\":false,\"preserved_ids\":true");
    CHECK_HAS(json, "\"id_map\":null");
    expmig_string_free(json);
    OK(expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    CHECK_HAS(json, "\"skipped\":true");
    CHECK_INT(id, 1);
    expmig_string_free(json);
    options.on_duplicate = EXPMIG_DUPLICATE_ERROR;
    FAILS_UNCHANGED(EXPMIG_ALREADY_EXISTS,
                    expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    CHECK_TEXT(detail("duplicate_experiment_id"), "1");
    options.on_duplicate = EXPMIG_DUPLICATE_COPY;
    FAILS_UNCHANGED(EXPMIG_ALREADY_EXISTS,
                    expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    CHECK_TEXT(detail("table"), "EXPERIMENT");
    CHECK_TEXT(detail("row"), "id=1");

    /* A time that is none: refused, unless nobody looks; then it is not the document's digest any more. */
    odd = document_of(source, 2);
    at = strstr(odd, "\"start_time\":\"2");
    CHECK(at != NULL);
    at[strlen("\"start_time\":\"")] = 'X';
    options = import_options();
    FAILS_UNCHANGED(EXPMIG_VALIDATION,
                    expmig_import_experiment_from_string(manager, odd, strlen(odd), &options, &id, &json, &err));
    CHECK_TEXT(detail("json_path"), "$.experiment.start_time");
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_VALIDATION);
    options.flags = EXPMIG_IMPORT_SKIP_VALIDATION;
    FAILS_UNCHANGED(EXPMIG_MISMATCH,
                    expmig_import_experiment_from_string(manager, odd, strlen(odd), &options, &id, &json, &err));
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_IMPORT_EXPORT);
    CHECK(strlen(detail("expected_digest")) == 64);
    expmig_string_free(odd);

    options = import_options();
    options.max_value_bytes = 10;
    FAILS_UNCHANGED(EXPMIG_LIMIT,
                    expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    expmig_manager_free(manager);
}

static void extra_columns(const char *document)
{
    expmig_manager *extra, *manager;
    expmig_import_options options = import_options();
    int64_t id;
    char *json, *with_extra;
    copy_file("small.db", "extra.db");
    copy_file("small.db", "plain.db");
    sql("extra.db", "ALTER TABLE METRIC ADD COLUMN unit TEXT; UPDATE METRIC SET unit = 'm'");
    extra = open_manager("extra.db", EXPMIG_OPEN_READONLY);
    manager = open_manager("plain.db", 0);
    with_extra = document_of(extra, 1);
    FAILS_UNCHANGED(EXPMIG_LOSSY, expmig_import_experiment_from_string(manager, with_extra, strlen(with_extra), NULL,
                                                                       &id, &json, &err));
    CHECK_TEXT(detail("column"), "unit");
    options.flags = EXPMIG_IMPORT_ADD_COLUMNS;
    OK(expmig_import_experiment_from_string(manager, with_extra, strlen(with_extra), &options, &id, &json, &err));
    CHECK_HAS(json, "\"added_columns\":[{\"table\":\"METRIC\",\"column\":\"unit\"}]");
    same_digest(extra, 1, manager, id);
    expmig_string_free(json);
    expmig_string_free(with_extra);
    FAILS_UNCHANGED(EXPMIG_MISUSE, expmig_import_experiment_from_string(extra, document, strlen(document), NULL, &id,
                                                                        &json, &err));
    expmig_manager_free(extra);
    expmig_manager_free(manager);
}

/* Documents of the older command-line tool: refused, or imported with metrics that are linked to nothing. */
static void older_documents(void)
{
    const char *document =
        "{\"experiment\": {\"id\": 4, \"title\": \"old\", \"desc\": null, \"start_time\": \"2023-12-01T10:00:00\","
        " \"update_time\": \"2023-12-01T10:00:00\"}, \"trials\": [{\"trial\": {\"id\": 5, \"name\": \"t\", \"experiment_id\": 4,"
        " \"start_time\": \"2023-12-01T10:00:00\", \"update_time\": \"2023-12-01T10:00:00\"}, \"runs\": []}],"
        " \"metrics\": [{\"id\": 6, \"type\": \"loss\", \"total_val\": 0.5, \"per_label_val\": null}]}";
    expmig_manager *manager = open_manager("older.db", EXPMIG_OPEN_CREATE);
    expmig_import_options options = import_options();
    int64_t id;
    char *json;
    FAILS_UNCHANGED(EXPMIG_UNSUPPORTED, expmig_import_experiment_from_string(manager, document, strlen(document), &options,
                                                                             &id, &json, &err));
    CHECK_TEXT(detail("json_path"), "$.experiment");
    CHECK_HAS(expmig_error_hint(err), "EXPMIG_IMPORT_ALLOW_UNLINKED");
    options.flags = EXPMIG_IMPORT_ALLOW_UNLINKED;
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), &options, &id, &json, &err));
    CHECK(id == 1);
    CHECK_HAS(json, "\"unlinked_metrics\":1");
    CHECK_HAS(json, "1 metrics are linked to nothing");
    expmig_string_free(json);
    expmig_manager_free(manager);
}

static void bad_documents(const expmig_manager *manager, const char *document)
{
    size_t length = strlen(document);
    int64_t id;
    char *json, *cut = strdup(document);
    CHECK(cut != NULL);
    FAILS_UNCHANGED(EXPMIG_CORRUPT, expmig_import_experiment_from_string(manager, cut, length / 2, NULL, &id, &json, &err));
    CHECK(atol(detail("offset")) == (long)(length / 2));
    CHECK(strncmp(detail("json_path"), "$.trials[", 9) == 0);
    CHECK_INT(expmig_error_domain(err), EXPMIG_DOMAIN_IMPORT_EXPORT);
    FAILS_UNCHANGED(EXPMIG_CORRUPT, expmig_import_experiment_from_string(manager, NULL, 0, NULL, &id, &json, &err));
    FAILS_UNCHANGED(EXPMIG_CORRUPT, expmig_import_experiment_from_string(manager, document, length + 1, NULL, &id, &json, &err));
    FAILS_UNCHANGED(EXPMIG_VALIDATION, expmig_import_experiment_from_string(manager, "{\"a\": 1}", 8, NULL, &id, &json, &err));
    CHECK_TEXT(detail("json_path"), "$.a");
    CHECK_TEXT(detail("offset"), "1");
    FAILS_UNCHANGED(EXPMIG_NOT_FOUND, expmig_import_experiment_from_file(manager, "none.json", NULL, &id, &json, &err));
    FAILS_UNCHANGED(EXPMIG_INVALID_ARGUMENT, expmig_import_experiment_from_file(manager, "small.db", NULL, &id, &json, &err));
    CHECK_TEXT(detail("parameter"), "path");
    FAILS_UNCHANGED(EXPMIG_INVALID_ARGUMENT, expmig_import_experiment_from_file(manager, ".", NULL, &id, &json, &err));
    free(cut);
}

static void bad_arguments(const expmig_manager *manager, const char *document)
{
    size_t length = strlen(document);
    expmig_import_options options = import_options();
    given g = pieces_of(document, 1000);
    int64_t id;
    char *json;
#define REFUSED(name, call)                                                                                            \
    do {                                                                                                               \
        id = 77, json = GARBAGE;                                                                                       \
        FAILS_ON(name, call);                                                                                          \
        CHECK(id == 0 && json == NULL);                                                                                \
    } while (0)
    REFUSED("manager", expmig_import_experiment_from_string(NULL, document, length, NULL, &id, &json, &err));
    REFUSED("manager", expmig_import_experiment_from_file(NULL, "document.json", NULL, &id, &json, &err));
    REFUSED("manager", expmig_import_experiment(NULL, give, &g, NULL, &id, &json, &err));
    REFUSED("document", expmig_import_experiment_from_string(manager, NULL, 5, NULL, &id, &json, &err));
    REFUSED("path", expmig_import_experiment_from_file(manager, NULL, NULL, &id, &json, &err));
    REFUSED("path", expmig_import_experiment_from_file(manager, "caf\xe9", NULL, &id, &json, &err));
    REFUSED("read_fn", expmig_import_experiment(manager, NULL, NULL, NULL, &id, &json, &err));
    FAILS_ON("experiment_id", expmig_import_experiment(manager, give, &g, NULL, NULL, NULL, &err));
    options.flags = 0x20;
    REFUSED("flags", expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    options = import_options();
    options.on_duplicate = 3;
    REFUSED("on_duplicate", expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    options = import_options();
    options.reserved = 1;
    REFUSED("reserved", expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    options = import_options();
    options.max_value_bytes = 0;
    REFUSED("max_value_bytes", expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    options.max_value_bytes = -1;
    REFUSED("max_value_bytes", expmig_import_experiment_from_string(manager, document, length, &options, &id, &json, &err));
    CHECK_INT(g.calls, 0);
}

static void stopped(const expmig_manager *manager, const char *document)
{
    static const struct {
        int32_t answer;
        expmig_status status;
        const char *result;
    } ways[] = {{EXPMIG_CALLBACK_CANCEL, EXPMIG_CANCELLED, ""}, {42, EXPMIG_CALLBACK, "42"}, {-1, EXPMIG_CALLBACK, "-1"}};
    size_t way;
    int at;
    int64_t id;
    char *json;
    given g;
    for (way = 0; way < sizeof ways / sizeof *ways; way++)
        for (at = 1; at < 9; at += 3) {
            g = pieces_of(document, 1000);
            g.stop_at = at;
            g.answer = ways[way].answer;
            FAILS_UNCHANGED(ways[way].status, expmig_import_experiment(manager, give, &g, NULL, &id, &json, &err));
            CHECK_TEXT(detail("callback_result"), ways[way].result);
            CHECK(g.calls == at && expmig_error_domain(err) == EXPMIG_DOMAIN_IMPORT_EXPORT);
        }
    g = pieces_of(document, 1000);
    g.lie_at = 2;
    FAILS_UNCHANGED(EXPMIG_CALLBACK, expmig_import_experiment(manager, give, &g, NULL, &id, &json, &err));
    CHECK_TEXT(detail("callback"), "read");
    /* A call from inside is refused, and disturbs nothing. */
    g = pieces_of(document, 100000);
    g.manager = manager;
    OK(expmig_import_experiment(manager, give, &g, NULL, &id, &json, &err));
    expmig_string_free(json);
}

static int32_t last_report(const expmig_progress *progress, void *user_data)
{
    *(expmig_progress *)user_data = *progress;
    return EXPMIG_CALLBACK_CONTINUE;
}

static void progress_and_cancel(const expmig_manager *manager, const char *document)
{
    expmig_import_options options = import_options();
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_progress last;
    int64_t id;
    char *json;
    memset(&last, 0, sizeof last);
    options.progress_fn = last_report;
    options.progress_user_data = &last;
    options.cancel = cancel;
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), &options, &id, &json, &err));
    expmig_string_free(json);
    CHECK(last.finished && last.completion_percentage == 100);
    CHECK(last.processed_items == 82 && last.total_items == 82 && last.failed_items == 0);
    expmig_cancel_trigger(cancel);
    FAILS_UNCHANGED(EXPMIG_CANCELLED, expmig_import_experiment_from_string(manager, document, strlen(document), &options,
                                                                           &id, &json, &err));
    expmig_cancel_free(cancel);
}

static void locked(const expmig_manager *source, const char *document)
{
    expmig_database *database;
    expmig_manager *manager;
    locker other;
    int64_t id;
    char *json;
    copy_file("small.db", "locked.db");
    database = open_with("locked.db", 0, 50);
    manager = manager_of(database);
    other = lock("locked.db", "BEGIN IMMEDIATE");
    FAILS_UNCHANGED(EXPMIG_BUSY, expmig_import_experiment_from_string(manager, document, strlen(document), NULL, &id,
                                                                      &json, &err));
    unlock(other);
    OK(expmig_import_experiment_from_string(manager, document, strlen(document), NULL, &id, &json, &err));
    same_digest(source, 1, manager, id);
    expmig_string_free(json);
    expmig_manager_free(manager);
    expmig_database_close(database);
}

int main(void)
{
    expmig_manager *source, *manager;
    expmig_import_options options;
    char *document;
    CHECK(expmig_import_options_init(NULL, sizeof options) == EXPMIG_INVALID_ARGUMENT);
    CHECK(expmig_import_options_init(&options, 3) == EXPMIG_INVALID_ARGUMENT);
    copy_file("small.db", "source.db");
    source = open_manager("source.db", EXPMIG_OPEN_READONLY);
    manager = open_manager("small.db", 0);
    document = document_of(source, 1);
    ways_in(source, document);
    options_count(source, document);
    extra_columns(document);
    older_documents();
    bad_documents(manager, document);
    bad_arguments(manager, document);
    stopped(manager, document);
    progress_and_cancel(manager, document);
    locked(source, document);
    expmig_string_free(document);
    expmig_manager_free(source);
    expmig_manager_free(manager);
    forget_error();
    return 0;
}
