/* Loads the library, uses it, lets go of it, and does it again: `reload LIBRARY DATABASE`. */
#include <dlfcn.h>
#include <expmig.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *library, *path;

/* Conversion from object to function pointers is POSIX's, not C's. */
static void find(void *handle, const char *name, void *function)
{
    void *found = dlsym(handle, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &found, sizeof found);
}

static void *use(void *unused)
{
    expmig_status (*open)(const char *, const expmig_open_options *, expmig_database **, expmig_error **);
    expmig_status (*new)(const expmig_database *, const expmig_manager_options *, expmig_manager **, expmig_error **);
    expmig_status (*validate)(const expmig_manager *, const expmig_validate_options *, expmig_report **, expmig_error **);
    int32_t (*passed)(const expmig_report *);
    void (*free_report)(expmig_report *), (*free_manager)(expmig_manager *), (*close)(expmig_database *);
    expmig_database *database;
    expmig_manager *manager;
    expmig_report *report;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    find(handle, "expmig_database_open", &open);
    find(handle, "expmig_manager_new", &new);
    find(handle, "expmig_validate", &validate);
    find(handle, "expmig_report_passed", &passed);
    find(handle, "expmig_report_free", &free_report);
    find(handle, "expmig_manager_free", &free_manager);
    find(handle, "expmig_database_close", &close);
    if (open(path, NULL, &database, NULL) != EXPMIG_OK || new(database, NULL, &manager, NULL) != EXPMIG_OK ||
        validate(manager, NULL, &report, NULL) != EXPMIG_OK || !passed(report))
        exit(1);
    free_report(report);
    free_manager(manager);
    close(database);
    dlclose(handle);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int i;
    if (argc != 3)
        return 2;
    library = argv[1];
    path = argv[2];
    for (i = 0; i < 3; i++) {
        use(NULL);
        /* A thread that ends after the library was let go: its thread-local destructors run then. */
        if (pthread_create(&thread, NULL, use, NULL) != 0 || pthread_join(thread, NULL) != 0)
            return 1;
    }
    printf("loaded again\n");
    return 0;
}
