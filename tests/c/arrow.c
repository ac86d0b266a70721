/* Results as Arrow streams: what they hold, and each order in which a program can let go of them. */
#include "check.h"

static void end(struct ArrowArrayStream *stream)
{
    CHECK(stream->release != NULL);
    stream->release(stream);
    CHECK(stream->release == NULL);
}

static const char *failure(struct ArrowArrayStream *stream)
{
    const char *text = stream->get_last_error(stream);
    return text == NULL ? "" : text;
}

static int is_null(const struct ArrowArray *column, int64_t row)
{
    const uint8_t *bits = column->buffers[0];
    return bits != NULL && !(bits[row / 8] >> (row % 8) & 1);
}

static int text_is(const struct ArrowArray *column, int64_t row, const char *want)
{
    const int32_t *offsets = column->buffers[1];
    const char *bytes = column->buffers[2];
    size_t length = (size_t)(offsets[row + 1] - offsets[row]);
    return !is_null(column, row) && length == strlen(want) && memcmp(bytes + offsets[row], want, length) == 0;
}

static void queries(void)
{
    expmig_database *database = open_database("small.db");
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    expmig_value params[1];
    memset(&stream, 0x5a, sizeof stream);
    FAILS_ON("sql", expmig_query_arrow(database, NULL, NULL, 0, &stream, &err));
    CHECK(stream.release == NULL && stream.private_data == NULL);
    FAILS_ON("stream", expmig_query_arrow(database, "SELECT 1", NULL, 0, NULL, &err));
    FAILS(EXPMIG_MISUSE, expmig_query_arrow(database, "DELETE FROM METRIC", NULL, 0, &stream, &err));
    FAILS_ON("params", expmig_query_arrow(database, "SELECT ?", NULL, 0, &stream, &err));
    memset(params, 0, sizeof params);
    params[0].type = EXPMIG_VALUE_INTEGER;
    params[0].integer = INT64_C(9007199254740993);
    OK(expmig_query_arrow(database,
                          "SELECT ?1 AS i, 0.5 AS r, 'a' || char(0) AS t, x'00ff' AS b, NULL AS n, 1 AS mixed UNION ALL "
                          "SELECT NULL, NULL, 'é', NULL, NULL, 2.5 UNION ALL SELECT -1, 2, NULL, x'', NULL, NULL",
                          params, 1, &stream, &err));
    expmig_database_close(database);
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_TEXT(schema.format, "+s");
    CHECK_INT(schema.n_children, 6);
    CHECK_TEXT(schema.children[0]->format, "l");
    CHECK_TEXT(schema.children[0]->name, "i");
    CHECK_TEXT(schema.children[1]->format, "g");
    CHECK_TEXT(schema.children[2]->format, "u");
    CHECK_TEXT(schema.children[3]->format, "z");
    CHECK_TEXT(schema.children[4]->format, "n");
    CHECK_TEXT(schema.children[5]->format, "g");
    CHECK_INT(schema.children[5]->flags & ARROW_FLAG_NULLABLE, ARROW_FLAG_NULLABLE);
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK(batch.release != NULL && batch.length == 3 && batch.n_children == 6 && batch.offset == 0);
    CHECK(((const int64_t *)batch.children[0]->buffers[1])[0] == INT64_C(9007199254740993));
    CHECK(is_null(batch.children[0], 1) && !is_null(batch.children[0], 2) && batch.children[0]->null_count == 1);
    CHECK(((const double *)batch.children[1]->buffers[1])[2] == 2.0);
    CHECK_INT(((const int32_t *)batch.children[2]->buffers[1])[1], 2);
    CHECK(text_is(batch.children[2], 1, "é") && is_null(batch.children[2], 2));
    CHECK_INT(((const int32_t *)batch.children[3]->buffers[1])[1], 2);
    CHECK(!is_null(batch.children[3], 2));
    CHECK(batch.children[4]->null_count == 3 && batch.children[4]->n_buffers == 0);
    CHECK(((const double *)batch.children[5]->buffers[1])[0] == 1.0);
    /* In any order: the stream first, then the batch, then the schema. */
    end(&stream);
    CHECK(text_is(batch.children[2], 1, "é"));
    batch.release(&batch);
    CHECK(batch.release == NULL);
    CHECK_TEXT(schema.children[2]->name, "t");
    schema.release(&schema);
    CHECK(schema.release == NULL);
}

/* Values that have no type together, and results without rows. */
static void odd_queries(void)
{
    expmig_database *database = open_database("small.db");
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    FAILS(EXPMIG_LOSSY, expmig_query_arrow(database, "SELECT 1 AS x UNION ALL SELECT 'a'", NULL, 0, &stream, &err));
    CHECK_TEXT(detail("column"), "x");
    CHECK_TEXT(detail("row"), "row 1");
    FAILS(EXPMIG_LOSSY, expmig_query_arrow(database, "SELECT 9007199254740993 AS x UNION ALL SELECT 0.5", NULL, 0, &stream, &err));
    CHECK_TEXT(detail("row"), "row 0");
    OK(expmig_query_arrow(database, "SELECT id, title FROM EXPERIMENT WHERE id = 99", NULL, 0, &stream, &err));
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_INT(schema.n_children, 2);
    CHECK_TEXT(schema.children[1]->name, "title");
    CHECK_TEXT(schema.children[1]->format, "n");
    schema.release(&schema);
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK(batch.release == NULL);
    /* Read once: after the end, never nothing. */
    CHECK(stream.get_next(&stream, &batch) != 0 && batch.release == NULL);
    CHECK_HAS(failure(&stream), "read to its end");
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK(stream.get_last_error(&stream) == NULL);
    schema.release(&schema);
    end(&stream);
    /* An error where nobody expects one any more: text that is not UTF-8. */
    OK(expmig_query_arrow(database, "SELECT 'a' AS x UNION ALL SELECT CAST(x'ff' AS TEXT)", NULL, 0, &stream, &err));
    CHECK(stream.get_next(&stream, &batch) != 0 && batch.release == NULL);
    CHECK_HAS(failure(&stream), "LOSSY: x of row 1 does not fit utf8");
    CHECK(stream.get_next(&stream, &batch) != 0);
    CHECK_HAS(failure(&stream), "failed before");
    end(&stream);
    expmig_database_close(database);
}

/* More rows than a batch has, two streams at once, and children that are taken out of their parents. */
static void many_rows(void)
{
    expmig_database *database = open_database("small.db");
    struct ArrowArrayStream one, two;
    struct ArrowArray first, second, child;
    const char *rows = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 139999) SELECT i, 'row ' || i AS t FROM n";
    int64_t seen = 0;
    if (slow_tool()) {
        expmig_database_close(database);
        return;
    }
    OK(expmig_query_arrow(database, rows, NULL, 0, &one, &err));
    OK(expmig_query_arrow(database, rows, NULL, 0, &two, &err));
    expmig_database_close(database);
    CHECK_INT(one.get_next(&one, &first), 0);
    CHECK_INT(two.get_next(&two, &second), 0);
    CHECK_INT(first.length, 131072);
    CHECK(text_is(first.children[1], 131071, "row 131071") && text_is(second.children[1], 7, "row 7"));
    child = *first.children[1];
    first.children[1]->release = NULL;
    first.release(&first);
    CHECK(text_is(&child, 131071, "row 131071"));
    second.release(&second);
    /* One is left in the middle, the other read to its end. */
    end(&one);
    for (seen = 131072;; seen += second.length, second.release(&second)) {
        CHECK_INT(two.get_next(&two, &second), 0);
        if (second.release == NULL)
            break;
        CHECK(((const int64_t *)second.children[0]->buffers[1])[0] == seen);
    }
    CHECK_INT(seen, 140000);
    end(&two);
    child.release(&child);
}

static expmig_metrics_options metrics_options(void)
{
    expmig_metrics_options options;
    CHECK(expmig_metrics_options_init(&options, sizeof options) == EXPMIG_OK);
    return options;
}

/* How many rows there are with these options. */
static int64_t count(const expmig_manager *manager, const expmig_metrics_options *options)
{
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    int64_t rows = 0;
    OK(expmig_metrics_arrow(manager, options, &stream, &err));
    for (;;) {
        CHECK_INT(stream.get_next(&stream, &batch), 0);
        if (batch.release == NULL)
            break;
        rows += batch.length;
        batch.release(&batch);
    }
    end(&stream);
    return rows;
}

static int64_t number(expmig_database *database, const char *sql)
{
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    int64_t found;
    OK(expmig_query_arrow(database, sql, NULL, 0, &stream, &err));
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    found = ((const int64_t *)batch.children[0]->buffers[1])[0];
    batch.release(&batch);
    end(&stream);
    return found;
}

static void metrics(void)
{
    expmig_database *database;
    expmig_manager *manager;
    expmig_metrics_options options = metrics_options();
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    const char *types[1];
    int64_t ids[1], results, epochs, batches;
    copy_file(slow_tool() ? "small.db" : "digits.db", "metrics.db");
    sql("metrics.db", "INSERT INTO METRIC (type, total_val, per_label_val) VALUES ('linked to nothing', 1, NULL)");
    database = open_database("metrics.db");
    manager = manager_of(database);
    results = number(database, "SELECT count(*) FROM RESULTS_METRIC");
    epochs = number(database, "SELECT count(*) FROM EPOCH_METRIC");
    batches = number(database, "SELECT count(*) FROM BATCH_METRIC");
    CHECK(results > 0 && epochs > 0 && batches > 0);
    CHECK_INT(count(manager, NULL), results + epochs + batches);
    options.levels = EXPMIG_LEVEL_RESULTS;
    CHECK_INT(count(manager, &options), results);
    options.levels = EXPMIG_LEVEL_EPOCHS | EXPMIG_LEVEL_BATCHES;
    CHECK_INT(count(manager, &options), epochs + batches);
    options = metrics_options();
    ids[0] = 2;
    options.experiment_ids = ids;
    options.experiment_id_count = 1;
    CHECK_INT(count(manager, &options), number(database, "SELECT count(*) FROM TRIAL t JOIN TRIAL_RUN r ON r.trial_id = t.id JOIN ("
                                                         "SELECT results_id AS run FROM RESULTS_METRIC UNION ALL SELECT epoch_trial_run_id FROM EPOCH_METRIC "
                                                         "UNION ALL SELECT trial_run_id FROM BATCH_METRIC) l ON l.run = r.id WHERE t.experiment_id = 2"));
    options.experiment_id_count = 0;
    CHECK_INT(count(manager, &options), 0);
    options = metrics_options();
    types[0] = "accuracy";
    options.metric_types = types;
    options.metric_type_count = 1;
    CHECK_INT(count(manager, &options), number(database, "SELECT count(*) FROM METRIC m JOIN (SELECT metric_id FROM RESULTS_METRIC UNION ALL SELECT "
                                                         "metric_id FROM EPOCH_METRIC UNION ALL SELECT metric_id FROM BATCH_METRIC) l ON l.metric_id = m.id "
                                                         "WHERE m.type = 'accuracy'"));
    /* What is asked for wrongly. */
    options = metrics_options();
    FAILS_ON("stream", expmig_metrics_arrow(manager, NULL, NULL, &err));
    options.levels = 8;
    FAILS_ON("levels", expmig_metrics_arrow(manager, &options, &stream, &err));
    CHECK(stream.release == NULL);
    options = metrics_options();
    options.misfit = 2;
    FAILS_ON("misfit", expmig_metrics_arrow(manager, &options, &stream, &err));
    options = metrics_options();
    options.metric_type_count = 1;
    FAILS_ON("metric_types", expmig_metrics_arrow(manager, &options, &stream, &err));
    options = metrics_options();
    ids[0] = 99;
    options.experiment_ids = ids;
    options.experiment_id_count = 1;
    FAILS(EXPMIG_NOT_FOUND, expmig_metrics_arrow(manager, &options, &stream, &err));
    /* The stream outlives what it was made of. */
    options = metrics_options();
    options.levels = EXPMIG_LEVEL_BATCHES;
    OK(expmig_metrics_arrow(manager, &options, &stream, &err));
    expmig_manager_free(manager);
    expmig_database_close(database);
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_INT(schema.n_children, 10);
    CHECK_TEXT(schema.children[8]->format, "+m");
    CHECK_TEXT(schema.children[8]->children[0]->format, "+s");
    CHECK_TEXT(schema.children[8]->children[0]->children[0]->name, "key");
    CHECK_TEXT(schema.children[9]->name, "time");
    CHECK_TEXT(schema.children[9]->format, "tsu:");
    schema.release(&schema);
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK_INT(batch.length, batches);
    CHECK(batch.children[0]->null_count == 0 && batch.children[4]->null_count == 0 && batch.children[9]->null_count == 0);
    CHECK(((const int64_t *)batch.children[9]->buffers[1])[0] > INT64_C(1000000000000000));
    batch.release(&batch);
    end(&stream);
}

/* Values that do not fit: an error that names the metric, or a second column. */
static void misfits(void)
{
    expmig_manager *manager;
    expmig_metrics_options options = metrics_options();
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    copy_file("small.db", "misfit.db");
    sql("misfit.db", "DELETE FROM EPOCH_METRIC; DELETE FROM BATCH_METRIC; DELETE FROM RESULTS_METRIC WHERE metric_id NOT IN (SELECT metric_id "
                     "FROM RESULTS_METRIC ORDER BY 1 LIMIT 3); UPDATE METRIC SET total_val = 'much' WHERE id = (SELECT min(metric_id) FROM "
                     "RESULTS_METRIC); UPDATE METRIC SET per_label_val = '{\"a\": 1, \"a\": 2}' WHERE id = (SELECT max(metric_id) FROM RESULTS_METRIC); "
                     "UPDATE RESULTS SET time = 'soon' WHERE trial_run_id = (SELECT min(results_id) FROM RESULTS_METRIC)");
    manager = open_manager("misfit.db", 0);
    OK(expmig_metrics_arrow(manager, NULL, &stream, &err));
    CHECK(stream.get_next(&stream, &batch) != 0);
    CHECK_HAS(failure(&stream), "LOSSY: total_val of id=");
    CHECK_HAS(failure(&stream), "\"much\"");
    end(&stream);
    options.misfit = EXPMIG_MISFIT_COLUMN;
    OK(expmig_metrics_arrow(manager, &options, &stream, &err));
    expmig_manager_free(manager);
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_INT(schema.n_children, 16);
    CHECK_TEXT(schema.children[9]->name, "type_misfit");
    CHECK_TEXT(schema.children[11]->name, "total_val_misfit");
    CHECK_TEXT(schema.children[15]->name, "time_misfit");
    schema.release(&schema);
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK_INT(batch.length, 3);
    CHECK(is_null(batch.children[10], 0) && text_is(batch.children[11], 0, "much"));
    CHECK(!is_null(batch.children[10], 1) && is_null(batch.children[11], 1));
    CHECK(is_null(batch.children[12], 2) && text_is(batch.children[13], 2, "{\"a\": 1, \"a\": 2}"));
    CHECK(is_null(batch.children[14], 0) && text_is(batch.children[15], 0, "soon"));
    batch.release(&batch);
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK(batch.release == NULL);
    end(&stream);
}

/* Links whose owner is missing are there, with what is known of them. */
static void dangling(void)
{
    expmig_manager *manager;
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    expmig_metrics_options options = metrics_options();
    int64_t all;
    copy_file("small.db", "dangling.db");
    manager = open_manager("dangling.db", 0);
    options.levels = EXPMIG_LEVEL_RESULTS;
    all = count(manager, &options);
    expmig_manager_free(manager);
    sql("dangling.db", "PRAGMA foreign_keys = OFF; DELETE FROM TRIAL_RUN; DELETE FROM RESULTS");
    manager = open_manager("dangling.db", 0);
    CHECK_INT(count(manager, &options), all);
    OK(expmig_metrics_arrow(manager, &options, &stream, &err));
    CHECK_INT(stream.get_next(&stream, &batch), 0);
    CHECK_INT(batch.children[0]->null_count, all);
    CHECK_INT(batch.children[9]->null_count, all);
    CHECK_INT(batch.children[2]->null_count + batch.children[5]->null_count, 0);
    batch.release(&batch);
    end(&stream);
    expmig_manager_free(manager);
}

int main(void)
{
    queries();
    odd_queries();
    many_rows();
    metrics();
    misfits();
    dangling();
    forget_error();
    return 0;
}
