/* A program that links two Rust libraries, each with a runtime of its own. */
#include <expmig.h>
#include <stdio.h>

int32_t other_catches_a_panic(void);

int main(void)
{
    expmig_error *error = NULL;
    expmig_database *database;
    int32_t caught = other_catches_a_panic();
    expmig_status status = expmig_database_open("none.db", NULL, &database, &error);
    expmig_error_free(error);
    if (caught != 1 || status != EXPMIG_NOT_FOUND)
        return 1;
    printf("both work\n");
    return 0;
}
