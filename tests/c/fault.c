/*
 * Preloaded into a child process: lets its k-th change of a file under one folder fail, or kills the process there.
 *
 *   FAULT_DIR      the folder; everything else is left alone
 *   FAULT_AT       k, from 1; 0 only counts
 *   FAULT_ERRNO    what the call fails with; 0 raises SIGKILL instead
 *   FAULT_FOREVER  1: every later change fails too
 *   FAULT_TORN     1: half of the data of the k-th call is written first
 *   FAULT_MARK     a file outside of the folder: receives "NUMBER CALL" when the fault happens, or "NUMBER" at the end
 *
 * A change is a write, a sync, a truncation, an allocation, the creation of a file or its deletion. A call that cannot
 * meet a full disk (a sync, a deletion) is passed over by ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;
static atomic_int happened;

static long number(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static void mark(const char *text)
{
    const char *path = getenv("FAULT_MARK");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0) {
        syscall(SYS_write, fd, text, strlen(text));
        syscall(SYS_close, fd);
    }
}

static int under_folder(const char *path)
{
    const char *folder = getenv("FAULT_DIR");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int ours(int fd)
{
    char link[64], path[4096];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return under_folder(path);
}

enum moment { UNTOUCHED, FIRST, LATER };

/* Counts one change and says whether it has to fail. The caller then ends with fail(). */
static enum moment look(const char *call, int can_be_full)
{
    long at = number("FAULT_AT"), now = atomic_fetch_add(&calls, 1) + 1;
    char text[100];
    if (at == 0 || now < at || (number("FAULT_ERRNO") == ENOSPC && !can_be_full))
        return UNTOUCHED;
    if (atomic_exchange(&happened, 1))
        return number("FAULT_FOREVER") ? LATER : UNTOUCHED;
    snprintf(text, sizeof text, "%ld %s", now, call);
    mark(text);
    return FIRST;
}

static int fail(void)
{
    int code = (int)number("FAULT_ERRNO");
    if (code == 0)
        raise(SIGKILL);
    errno = code;
    return -1;
}

__attribute__((destructor)) static void at_the_end(void)
{
    char text[40];
    if (getenv("FAULT_DIR") && !atomic_load(&happened)) {
        snprintf(text, sizeof text, "%ld", atomic_load(&calls));
        mark(text);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size)
{
    enum moment moment = ours(fd) ? look("write", 1) : UNTOUCHED;
    if (moment == UNTOUCHED)
        return syscall(SYS_write, fd, data, size);
    if (moment == FIRST && number("FAULT_TORN"))
        syscall(SYS_write, fd, data, size / 2);
    return fail();
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset)
{
    enum moment moment = ours(fd) ? look("pwrite", 1) : UNTOUCHED;
    if (moment == UNTOUCHED)
        return syscall(SYS_pwrite64, fd, data, size, offset);
    if (moment == FIRST && number("FAULT_TORN"))
        syscall(SYS_pwrite64, fd, data, size / 2, offset);
    return fail();
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return write_at(fd, data, size, offset);
}

int fsync(int fd)
{
    return ours(fd) && look("fsync", 0) ? fail() : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return ours(fd) && look("fdatasync", 0) ? fail() : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
    return ours(fd) && look("ftruncate", 1) ? fail() : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return ours(fd) && look("ftruncate", 1) ? fail() : (int)syscall(SYS_ftruncate, fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return ours(fd) && look("posix_fallocate", 1) ? (fail(), errno) : REAL(posix_fallocate)(fd, offset, size);
}

int posix_fallocate64(int fd, off64_t offset, off64_t size)
{
    return ours(fd) && look("posix_fallocate", 1) ? (fail(), errno) : REAL(posix_fallocate64)(fd, offset, size);
}

int unlink(const char *path)
{
    return under_folder(path) && look("unlink", 0) ? fail() : (int)syscall(SYS_unlink, path);
}

static int opened(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && under_folder(path) && access(path, F_OK) != 0 && look("create", 1))
        return fail();
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest)
{
    return (flags & O_CREAT) ? (mode_t)va_arg(rest, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;
    va_start(rest, flags);
    mode = mode_of(flags, rest);
    va_end(rest);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    mode_t mode;
    va_start(rest, flags);
    mode = mode_of(flags, rest);
    va_end(rest);
    return opened(path, flags, mode);
}
