/* Exporting: a callback, a file, a string, and what ends an export early. */
#include "check.h"
#include <sys/stat.h>

static expmig_export_options export_options(void)
{
    expmig_export_options options;
    CHECK(expmig_export_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

/* What a callback has taken, and when it stops. */
typedef struct {
    char *text;
    size_t length;
    int calls, stop_at;
    int32_t answer;
    const expmig_manager *manager;
} taken;

static int32_t take(const void *bytes, size_t length, void *user_data)
{
    taken *t = user_data;
    CHECK(bytes != NULL && length > 0);
    CHECK(t->stop_at == 0 || t->calls < t->stop_at);
    t->text = realloc(t->text, t->length + length + 1);
    CHECK(t->text != NULL);
    memcpy(t->text + t->length, bytes, length);
    t->length += length;
    t->text[t->length] = 0;
    t->calls++;
    if (t->manager != NULL) {
        char *document = GARBAGE;
        expmig_error *error = NULL;
        CHECK(expmig_export_experiment_to_string(t->manager, 1, NULL, &document, &error) == EXPMIG_MISUSE);
        CHECK(document == NULL);
        expmig_error_free(error);
    }
    return t->calls == t->stop_at ? t->answer : EXPMIG_CALLBACK_CONTINUE;
}

static void forget(taken *t)
{
    free(t->text);
    memset(t, 0, sizeof *t);
}

static char *string_of(const expmig_manager *manager, int64_t id, const expmig_export_options *options)
{
    char *document = GARBAGE;
    OK(expmig_export_experiment_to_string(manager, id, options, &document, &err));
    CHECK(document != NULL && document != GARBAGE);
    CHECK(document[strlen(document) - 1] == '\n');
    return document;
}

/* Two documents of the same experiment, but for when they were made. */
static int same_document(const char *a, const char *b)
{
    const char *mark = "\"export_timestamp\":\"", *time_a = strstr(a, mark), *time_b = strstr(b, mark);
    CHECK(time_a != NULL && time_b != NULL);
    time_a += strlen(mark) + 27;
    time_b += strlen(mark) + 27;
    return time_a - a == time_b - b && strncmp(a, b, (size_t)(time_a - a) - 27) == 0 && strcmp(time_a, time_b) == 0;
}

static char *contents(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text;
    long length;
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    length = ftell(file);
    CHECK(length > 0 && fseek(file, 0, SEEK_SET) == 0);
    text = malloc((size_t)length + 1);
    CHECK(text != NULL && fread(text, 1, (size_t)length, file) == (size_t)length);
    text[length] = 0;
    fclose(file);
    return text;
}

static void ways_out(const expmig_manager *manager)
{
    taken t = {0};
    char *document = string_of(manager, 1, NULL), *file;
    uint8_t digest[EXPMIG_DIGEST_SIZE];
    char hex[2 * EXPMIG_DIGEST_SIZE + 1];
    struct stat there;
    size_t i;
    OK(expmig_export_experiment(manager, 1, NULL, take, &t, &err));
    CHECK(t.calls > 2);
    CHECK(same_document(t.text, document));
    forget(&t);
    OK(expmig_export_experiment_to_file(manager, 1, "document.json", NULL, &err));
    file = contents("document.json");
    CHECK(same_document(file, document));
    CHECK(stat("document.json", &there) == 0 && (there.st_mode & 07777) == 0600);
    free(file);
    OK(expmig_experiment_digest(manager, 1, NULL, digest, &err));
    for (i = 0; i < EXPMIG_DIGEST_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CHECK_HAS(document, hex);
    CHECK_HAS(document, "{\"format\":{\"name\":\"expmig.export\",\"version\":1,");
    CHECK_HAS(document, "\"source_database\":\"digits.db\"");
    expmig_string_free(document);
}

static void options_count(const expmig_manager *manager)
{
    expmig_export_options options = export_options();
    char *whole = string_of(manager, 1, NULL), *document;
    CHECK(options.flags == 0 && options.indent == 0 && options.file_mode == 0600 && options.format == NULL);
    CHECK(options.progress_fn == NULL && options.progress_user_data == NULL && options.cancel == NULL);
    CHECK_HAS(whole, "\"metrics\":[{\"id\":");
    options.flags = EXPMIG_EXPORT_NO_METRICS;
    document = string_of(manager, 1, &options);
    CHECK(strstr(document, "\"metrics\"") == NULL);
    CHECK_HAS(document, "\"include_metrics\":false,\"include_artifacts\":true");
    expmig_string_free(document);
    options.flags = EXPMIG_EXPORT_NO_ARTIFACTS;
    document = string_of(manager, 1, &options);
    CHECK(strstr(document, "\"artifacts\"") == NULL);
    CHECK_HAS(document, "\"complete\":false");
    expmig_string_free(document);
    options.flags = 0;
    options.indent = 4;
    options.format = "json";
    document = string_of(manager, 1, &options);
    CHECK(strncmp(document, "{\n    \"format\": {\n        \"name\": \"expmig.export\",\n", 51) == 0);
    expmig_string_free(document);
    options.format = "csv";
    document = GARBAGE;
    FAILS(EXPMIG_UNSUPPORTED, expmig_export_experiment_to_string(manager, 1, &options, &document, &err));
    CHECK(document == NULL);
    CHECK_HAS(expmig_error_hint(err), "json");
    options.format = "caf\xe9";
    FAILS_ON("format", expmig_export_experiment_to_string(manager, 1, &options, &document, &err));
    options = export_options();
    options.indent = 17;
    FAILS_ON("indent", expmig_export_experiment_to_string(manager, 1, &options, &document, &err));
    options = export_options();
    options.file_mode = 01777;
    FAILS_ON("file_mode", expmig_export_experiment_to_file(manager, 1, "mode.json", &options, &err));
    CHECK(access("mode.json", F_OK) != 0);
    expmig_string_free(whole);
}

static void files(const expmig_manager *manager)
{
    expmig_export_options options = export_options();
    struct stat there;
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_export_experiment_to_file(manager, 1, "document.json", NULL, &err));
    CHECK_HAS(detail("path"), "/document.json");
    CHECK_HAS(expmig_error_message(err), detail("path"));
    options.flags = EXPMIG_EXPORT_REPLACE;
    options.file_mode = 0640;
    OK(expmig_export_experiment_to_file(manager, 2, "document.json", &options, &err));
    CHECK(stat("document.json", &there) == 0 && (there.st_mode & 07777) == 0640);
    FAILS_ON("path", expmig_export_experiment_to_file(manager, 1, "small.db", &options, &err));
    FAILS_ON("path", expmig_export_experiment_to_file(manager, 1, "small.db-wal", &options, &err));
    FAILS_ON("path", expmig_export_experiment_to_file(manager, 1, ".", &options, &err));
    FAILS_ON("path", expmig_export_experiment_to_file(manager, 1, NULL, &options, &err));
    FAILS_ON("path", expmig_export_experiment_to_file(manager, 1, "caf\xe9", &options, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_export_experiment_to_file(manager, 1, "nowhere/x.json", &options, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_export_experiment_to_file(manager, 99, "x.json", &options, &err));
    CHECK(access("x.json", F_OK) != 0);
    CHECK_INT(unlink("document.json"), 0);
}

static void arguments(const expmig_manager *manager)
{
    taken t = {0};
    char *document = GARBAGE;
    FAILS_ON("manager", expmig_export_experiment(NULL, 1, NULL, take, &t, &err));
    FAILS_ON("write_fn", expmig_export_experiment(manager, 1, NULL, NULL, &t, &err));
    FAILS_ON("manager", expmig_export_experiment_to_file(NULL, 1, "x.json", NULL, &err));
    FAILS_ON("manager", expmig_export_experiment_to_string(NULL, 1, NULL, &document, &err));
    CHECK(document == NULL);
    FAILS_ON("document", expmig_export_experiment_to_string(manager, 1, NULL, NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_export_experiment(manager, 99, NULL, take, &t, &err));
    CHECK_TEXT(detail("experiment_id"), "99");
    CHECK_INT(t.calls, 0);
    CHECK(expmig_export_experiment(manager, 99, NULL, take, &t, NULL) == EXPMIG_NOT_FOUND);
}

static void stopping(const expmig_manager *manager)
{
    static const int32_t answers[] = {EXPMIG_CALLBACK_CANCEL, -1, 77, INT32_MAX, INT32_MIN};
    char want[16];
    size_t at;
    taken t = {0};
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_export_options options = export_options();
    for (at = 0; at < (slow_tool() ? 2 : sizeof answers / sizeof *answers); at++) {
        t.stop_at = 1 + (int)at;
        t.answer = answers[at];
        FAILS(answers[at] == EXPMIG_CALLBACK_CANCEL ? EXPMIG_CANCELLED : EXPMIG_CALLBACK,
              expmig_export_experiment(manager, 1, NULL, take, &t, &err));
        CHECK_INT(t.calls, t.stop_at);
        if (answers[at] != EXPMIG_CALLBACK_CANCEL) {
            snprintf(want, sizeof want, "%" PRId32, answers[at]);
            CHECK_TEXT(detail("callback_result"), want);
            CHECK_TEXT(detail("callback"), "write");
        }
        forget(&t);
    }
    CHECK(cancel != NULL);
    expmig_cancel_trigger(cancel);
    options.cancel = cancel;
    FAILS(EXPMIG_CANCELLED, expmig_export_experiment(manager, 1, &options, take, &t, &err));
    FAILS(EXPMIG_CANCELLED, expmig_export_experiment_to_file(manager, 1, "x.json", &options, &err));
    CHECK(access("x.json", F_OK) != 0);
    expmig_cancel_free(cancel);
    forget(&t);
}

int main(void)
{
    expmig_manager *manager = open_manager("digits.db", EXPMIG_OPEN_READONLY), *small = open_manager("small.db", EXPMIG_OPEN_READONLY);
    taken t = {0};
    ways_out(manager);
    options_count(small);
    files(small);
    arguments(small);
    stopping(manager);
    /* The handle of the running call is refused inside the callback, and the export goes on. */
    t.manager = small;
    OK(expmig_export_experiment(small, 3, NULL, take, &t, &err));
    CHECK(t.calls >= 1);
    forget(&t);
    expmig_manager_free(manager);
    expmig_manager_free(small);
    forget_error();
    return 0;
}
