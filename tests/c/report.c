/* Pages: a callback, a file, experiments of one and of two databases, and what ends a page early. */
#include "check.h"
#include <sys/stat.h>

static expmig_report_html_options page_options(void)
{
    expmig_report_html_options options;
    CHECK(expmig_report_html_options_init(&options, sizeof options) == EXPMIG_OK);
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
        int64_t one = 1;
        expmig_error *error = NULL;
        CHECK(expmig_report_html_to_file(&t->manager, &one, 1, "inner.html", NULL, &error) == EXPMIG_MISUSE);
        expmig_error_free(error);
    }
    return t->calls == t->stop_at ? t->answer : EXPMIG_CALLBACK_CONTINUE;
}

static void forget(taken *t)
{
    free(t->text);
    memset(t, 0, sizeof *t);
}

static void ways_out(const expmig_manager *digits, const expmig_manager *small)
{
    const expmig_manager *both[3];
    const int64_t ids[3] = {1, 2, 3};
    expmig_report_html_options options = page_options();
    struct stat there;
    taken t = {0};
    CHECK(options.flags == 0 && options.issue_limit == 500 && options.file_mode == 0600 && options.title == NULL);
    CHECK(options.progress_fn == NULL && options.progress_user_data == NULL && options.cancel == NULL);
    both[0] = digits;
    both[1] = small;
    both[2] = digits;
    OK(expmig_report_html(both, ids, 1, NULL, take, &t, &err));
    CHECK(t.calls > 1 && strncmp(t.text, "<!DOCTYPE html>", 15) == 0);
    CHECK(strcmp(t.text + t.length - 8, "</html>\n") == 0);
    CHECK_HAS(t.text, "<title>Digits classification</title>");
    CHECK_HAS(t.text, "\"comparison\":null,\"experiments\":[{\"database\":\"digits.db\"");
    CHECK_HAS(t.text, "default-src 'none'");
    forget(&t);
    /* Of two databases, and of one of them twice. */
    OK(expmig_report_html(both, ids, 2, NULL, take, &t, &err));
    CHECK_HAS(t.text, "\"comparison\":{\"schema\":\"expmig.comparison/1\",\"equal\":false");
    forget(&t);
    options.title = "A <title> & more";
    options.issue_limit = 0;
    OK(expmig_report_html(both, ids, 3, &options, take, &t, &err));
    CHECK_HAS(t.text, "<title>A &lt;title&gt; &amp; more</title>");
    CHECK_HAS(t.text, "\"title\":\"A \\u003ctitle> & more\"");
    forget(&t);
    OK(expmig_report_html_to_file(both, ids, 1, "page.html", NULL, &err));
    CHECK(stat("page.html", &there) == 0 && (there.st_mode & 07777) == 0600 && there.st_size > 100000);
    FAILS(EXPMIG_ALREADY_EXISTS, expmig_report_html_to_file(both, ids, 1, "page.html", NULL, &err));
    options.flags = EXPMIG_REPORT_HTML_REPLACE;
    options.file_mode = 0644;
    OK(expmig_report_html_to_file(both, ids, 2, "page.html", &options, &err));
    CHECK(stat("page.html", &there) == 0 && (there.st_mode & 07777) == 0644);
    CHECK_INT(unlink("page.html"), 0);
    /* The handle of the running call is refused inside the callback, and the page goes on. */
    t.manager = small;
    OK(expmig_report_html(both, ids, 2, NULL, take, &t, &err));
    CHECK(t.calls > 1 && access("inner.html", F_OK) != 0);
    forget(&t);
}

static void arguments(const expmig_manager *manager)
{
    const expmig_manager *managers[2];
    const int64_t ids[2] = {1, 99};
    expmig_report_html_options options = page_options();
    taken t = {0};
    managers[0] = manager;
    managers[1] = NULL;
    FAILS_ON("count", expmig_report_html(managers, ids, 0, NULL, take, &t, &err));
    FAILS_ON("managers", expmig_report_html(NULL, ids, 1, NULL, take, &t, &err));
    FAILS_ON("managers", expmig_report_html(managers, ids, 2, NULL, take, &t, &err));
    FAILS_ON("experiment_ids", expmig_report_html(managers, NULL, 1, NULL, take, &t, &err));
    FAILS_ON("write_fn", expmig_report_html(managers, ids, 1, NULL, NULL, &t, &err));
    managers[1] = manager;
    FAILS(EXPMIG_NOT_FOUND, expmig_report_html(managers, ids, 2, NULL, take, &t, &err));
    CHECK_TEXT(detail("experiment_id"), "99");
    options.issue_limit = 2001;
    FAILS_ON("issue_limit", expmig_report_html(managers, ids, 1, &options, take, &t, &err));
    options = page_options();
    options.flags = 0x80;
    FAILS_ON("flags", expmig_report_html(managers, ids, 1, &options, take, &t, &err));
    options = page_options();
    options.title = "caf\xe9";
    FAILS_ON("title", expmig_report_html(managers, ids, 1, &options, take, &t, &err));
    options = page_options();
    options.file_mode = 01777;
    FAILS_ON("file_mode", expmig_report_html_to_file(managers, ids, 1, "x.html", &options, &err));
    FAILS_ON("path", expmig_report_html_to_file(managers, ids, 1, NULL, NULL, &err));
    FAILS_ON("path", expmig_report_html_to_file(managers, ids, 1, "small.db", NULL, &err));
    FAILS(EXPMIG_NOT_FOUND, expmig_report_html_to_file(managers, ids, 2, "x.html", NULL, &err));
    CHECK(access("x.html", F_OK) != 0);
    CHECK(expmig_report_html(managers, ids, 2, NULL, take, &t, NULL) == EXPMIG_NOT_FOUND);
    CHECK_INT(t.calls, 0);
}

static int32_t stop(const expmig_progress *progress, void *user_data)
{
    CHECK(progress != NULL);
    return *(int32_t *)user_data;
}

static void stopping(const expmig_manager *manager)
{
    static const int32_t answers[] = {EXPMIG_CALLBACK_CANCEL, 77, INT32_MIN};
    const int64_t id = 1;
    char want[16];
    size_t at;
    int32_t answer = EXPMIG_CALLBACK_CANCEL;
    taken t = {0};
    expmig_cancel *cancel = expmig_cancel_new();
    expmig_report_html_options options = page_options();
    for (at = 0; at < sizeof answers / sizeof *answers; at++) {
        t.stop_at = 1 + (int)at;
        t.answer = answers[at];
        FAILS(answers[at] == EXPMIG_CALLBACK_CANCEL ? EXPMIG_CANCELLED : EXPMIG_CALLBACK,
              expmig_report_html(&manager, &id, 1, NULL, take, &t, &err));
        CHECK_INT(t.calls, t.stop_at);
        if (answers[at] != EXPMIG_CALLBACK_CANCEL) {
            snprintf(want, sizeof want, "%" PRId32, answers[at]);
            CHECK_TEXT(detail("callback_result"), want);
            CHECK_TEXT(detail("callback"), "write");
        }
        forget(&t);
    }
    options.progress_fn = stop;
    options.progress_user_data = &answer;
    FAILS(EXPMIG_CANCELLED, expmig_report_html_to_file(&manager, &id, 1, "x.html", &options, &err));
    CHECK(cancel != NULL);
    expmig_cancel_trigger(cancel);
    options = page_options();
    options.cancel = cancel;
    FAILS(EXPMIG_CANCELLED, expmig_report_html_to_file(&manager, &id, 1, "x.html", &options, &err));
    CHECK(access("x.html", F_OK) != 0);
    expmig_cancel_free(cancel);
    forget(&t);
}

int main(void)
{
    expmig_manager *digits = open_manager("digits.db", EXPMIG_OPEN_READONLY), *small = open_manager("small.db", EXPMIG_OPEN_READONLY);
    ways_out(digits, small);
    arguments(small);
    stopping(digits);
    expmig_manager_free(digits);
    expmig_manager_free(small);
    forget_error();
    return 0;
}
