/* Descriptors: none left, the last one, and those below 3 closed. */
#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { LIMIT = 64 };

/* Takes all descriptors but some; those that were taken are closed by let_go. */
static int taken[LIMIT], taken_count;

static void leave_free(int free_count)
{
    int fd, i;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        taken[taken_count++] = fd;
    CHECK_INT(errno, EMFILE);
    for (i = 0; i < free_count; i++)
        CHECK(close(taken[--taken_count]) == 0);
}

static void let_go(void)
{
    while (taken_count > 0)
        CHECK(close(taken[--taken_count]) == 0);
}

/* The latest error says that there is no descriptor, and nothing else. */
static void names_descriptors(void)
{
    CHECK_HAS(expmig_error_message(err), "descriptor");
    CHECK_HAS(expmig_error_hint(err), "ulimit -n");
    CHECK_TEXT(detail("errno"), "24");
}

static void none_left(void)
{
    expmig_database *database = NULL;
    expmig_manager *manager;
    expmig_migration *migration = NULL;
    expmig_open_options options;
    char *text = NULL;
    int64_t id = 0;
    CHECK(expmig_open_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = EXPMIG_OPEN_ALLOW_SHARED_PROCESS;
    leave_free(0);
    FAILS(EXPMIG_IO, expmig_database_open("small.db", NULL, &database, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_database_open("small.db", &options, &database, &err));
    names_descriptors();
    let_go();
    manager = open_manager("small.db", 0);
    OK(expmig_export_experiment_to_file(manager, 1, "before.json", NULL, &err));
    leave_free(0);
    /* What is open can be read. */
    CHECK(count_experiments(manager) >= 3);
    FAILS(EXPMIG_IO, expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_export_experiment_to_file(manager, 1, "after.json", NULL, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_export_experiment_to_string(manager, 1, NULL, &text, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_import_experiment_from_file(manager, "before.json", NULL, &id, NULL, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_snapshot_create(manager, "", NULL, &text, &err));
    names_descriptors();
    FAILS(EXPMIG_IO, expmig_snapshot_list(manager, 0, NULL, &text, &err));
    names_descriptors();
    let_go();
    CHECK(access("after.json", F_OK) != 0);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
    expmig_migration_free(migration);
    expmig_manager_free(manager);
}

/* Few are left: whatever a call answers, it is what was wrong, and later calls do not suffer. */
static void few_left(void)
{
    int free_count;
    for (free_count = 1; free_count < 6; free_count++) {
        expmig_database *database = NULL;
        expmig_manager *manager;
        expmig_migration *migration = NULL;
        expmig_status status;
        int foreign;
        leave_free(free_count);
        check_begin();
        status = expmig_database_open("small.db", NULL, &database, &err);
        if (status != EXPMIG_OK) {
            CHECK_INT(status, EXPMIG_IO);
            names_descriptors();
            let_go();
            continue;
        }
        let_go();
        manager = manager_of(database);
        expmig_database_close(database);
        OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
        expmig_migration_free(migration);
        /* It still sees what is somebody else's. */
        foreign = open("small.db", O_RDONLY);
        FAILS(EXPMIG_SHARED_PROCESS, expmig_database_open("small.db", NULL, &database, &err));
        CHECK_INT(atoi(detail("descriptor")), foreign);
        CHECK_HAS(expmig_error_message(err), "perhaps");
        CHECK(close(foreign) == 0);
        expmig_manager_free(manager);
    }
}

/* Few are left for what gives a file its name: the call did it, or everything is as it was. */
static void few_left_for_files(void)
{
    expmig_manager *manager = open_manager("small.db", 0);
    expmig_export_options options;
    char *id = NULL, *first = NULL, *list = NULL;
    int free_count, done = 0;
    CHECK(expmig_export_options_init(&options, sizeof options) == EXPMIG_OK);
    options.flags = EXPMIG_EXPORT_REPLACE;
    OK(expmig_snapshot_create(manager, "", NULL, &first, &err));
    for (free_count = 0; free_count < 8; free_count++) {
        expmig_status status;
        sql("small.db", "UPDATE EXPERIMENT SET update_time = datetime(update_time, '+1 day')");
        CHECK_INT(run("sh", "-c", "echo old > old.json; cp old.json replaced.json", NULL), 0);
        leave_free(free_count);
        check_begin();
        status = expmig_export_experiment_to_file(manager, 1, "replaced.json", &options, &err);
        if (status != EXPMIG_OK)
            names_descriptors();
        let_go();
        CHECK_INT(same_file("old.json", "replaced.json"), status != EXPMIG_OK);
        leave_free(free_count);
        check_begin();
        status = expmig_snapshot_create(manager, "few", NULL, &id, &err);
        if (status != EXPMIG_OK)
            names_descriptors();
        let_go();
        OK(expmig_snapshot_list(manager, 0, "few", &list, &err));
        CHECK_INT(strstr(list, "\"description\":\"few\"") != NULL, status == EXPMIG_OK);
        expmig_string_free(list);
        if (status == EXPMIG_OK) {
            leave_free(free_count);
            check_begin();
            status = expmig_snapshot_delete(manager, id, &err);
            if (status != EXPMIG_OK)
                names_descriptors();
            let_go();
            OK(expmig_snapshot_list(manager, 0, "few", &list, &err));
            CHECK_INT(strstr(list, id) == NULL, status == EXPMIG_OK);
            expmig_string_free(list);
            if (status != EXPMIG_OK)
                OK(expmig_snapshot_delete(manager, id, &err));
            else
                done++;
            expmig_string_free(id);
        }
    }
    CHECK(done > 0);
    OK(expmig_snapshot_delete(manager, first, &err));
    expmig_string_free(first);
    expmig_manager_free(manager);
}

static int said_to = 2, closed_before = 0;

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(said_to, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                           \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* What is below 3 is closed or /dev/null, into which the host's lines go. */
static void nothing_low(void)
{
    struct stat null, found;
    int fd;
    NEED(stat("/dev/null", &null) == 0);
    for (fd = 0; fd < 3; fd++)
        if ((closed_before & (1 << fd)) && fstat(fd, &found) == 0) {
            NEED(S_ISCHR(found.st_mode) && found.st_rdev == null.st_rdev);
            NEED(fd == 0 || write(fd, "a line of the host\n", 19) == 19);
        }
}

static int32_t looks(const expmig_progress *progress, void *data)
{
    static int left = 8;
    (void)progress, (void)data;
    nothing_low();
    /* So that the next step is reported, too. */
    if (left-- > 0)
        sleep_ms(120);
    return EXPMIG_CALLBACK_CONTINUE;
}

#define WORKS(call) NEED((call) == EXPMIG_OK)

/* As a daemon. */
static void daemon_works(int closed)
{
    expmig_database *database = NULL;
    expmig_manager *manager = NULL;
    expmig_migration *migration = NULL;
    expmig_export_options export_options;
    expmig_snapshot_options snapshot_options;
    expmig_migrate_options migrate_options;
    char *text = NULL, *id = NULL;
    int64_t imported = 0;
    int fd;
    closed_before = closed;
    NEED((said_to = fcntl(2, F_DUPFD, 10)) >= 10);
    for (fd = 0; fd < 3; fd++)
        if (closed & (1 << fd))
            close(fd);
    WORKS(expmig_database_open("digits.db", NULL, &database, NULL));
    nothing_low();
    WORKS(expmig_manager_new(database, NULL, &manager, NULL));
    expmig_database_close(database);
    WORKS(expmig_export_options_init(&export_options, sizeof export_options));
    export_options.progress_fn = looks;
    export_options.flags = EXPMIG_EXPORT_REPLACE;
    WORKS(expmig_export_experiment_to_file(manager, 1, "daemon.json", &export_options, NULL));
    WORKS(expmig_import_experiment_from_file(manager, "daemon.json", NULL, &imported, NULL, NULL));
    WORKS(expmig_snapshot_options_init(&snapshot_options, sizeof snapshot_options));
    snapshot_options.progress_fn = looks;
    WORKS(expmig_snapshot_create(manager, "", &snapshot_options, &id, NULL));
    WORKS(expmig_snapshot_verify(manager, id, NULL, NULL));
    WORKS(expmig_migrate_options_init(&migrate_options, sizeof migrate_options));
    migrate_options.progress_fn = looks;
    WORKS(expmig_migrate_experiment(manager, 1, NULL, &migrate_options, &migration, NULL));
    WORKS(expmig_snapshot_restore(manager, id, NULL, &text, NULL));
    nothing_low();
    expmig_migration_free(migration);
    expmig_string_free(text);
    expmig_string_free(id);
    expmig_manager_free(manager);
    _exit(0);
}

static void low_ones_closed(void)
{
    const int sets[] = {7, 1, 6};
    size_t i;
    for (i = 0; i < sizeof sets / sizeof *sets; i++) {
        int status = -1;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            daemon_works(sets[i]);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_INT(status, 0);
        if (slow_tool())
            break;
    }
}

/* Not of _XOPEN_SOURCE. */
int chroot(const char *path);
int unshare(int flags);
enum { NEW_USER_NAMESPACE = 0x10000000 };

/* In a folder that has nothing but databases: neither /proc nor /dev. */
static void without_proc_works(void)
{
    expmig_database *database = NULL;
    expmig_manager *manager;
    expmig_migration *migration = NULL;
    int foreign, before;
    if (chroot(".") != 0 && (unshare(NEW_USER_NAMESPACE) != 0 || chroot(".") != 0)) {
        fprintf(stderr, "skipped: this account may not chroot\n");
        _exit(0);
    }
    CHECK(chdir("/") == 0 && access("/proc", F_OK) != 0);
    manager = open_manager("/small.db", 0);
    before = count_experiments(manager);
    foreign = open("/small.db", O_RDONLY);
    FAILS(EXPMIG_SHARED_PROCESS, expmig_database_open("/small.db", NULL, &database, &err));
    CHECK_INT(atoi(detail("descriptor")), foreign);
    FAILS(EXPMIG_SHARED_PROCESS, expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
    CHECK(close(foreign) == 0);
    OK(expmig_migrate_experiment(manager, 1, NULL, NULL, &migration, &err));
    expmig_migration_free(migration);
    OK(expmig_export_experiment_to_file(manager, 1, "/chroot.json", NULL, &err));
    CHECK_INT(count_experiments(manager), before + 1);
    expmig_manager_free(manager);
    foreign = open("/small.db", O_RDONLY);
    FAILS(EXPMIG_SHARED_PROCESS, expmig_database_open("/small.db", NULL, &database, &err));
    CHECK(close(foreign) == 0);
    expmig_manager_free(open_manager("/small.db", EXPMIG_OPEN_READONLY));
    _exit(0);
}

static void without_proc(void)
{
    int status = -1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        without_proc_works();
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
}

int main(void)
{
    struct rlimit limit;
    low_ones_closed();
    /* Valgrind itself needs /proc. */
    if (!slow_tool())
        without_proc();
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = LIMIT;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    none_left();
    few_left();
    few_left_for_files();
    forget_error();
    return 0;
}
