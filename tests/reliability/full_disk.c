/* Writes below $DISK_UNDER fail with ENOSPC from the nth on, n = $DISK_AT; $DISK_LOG gets a byte for each.
 *
 * cc -shared -fPIC -o full_disk.so full_disk.c -ldl, then LD_PRELOAD=full_disk.so. The variables are read again in
 * every process, so that a process that is loaded with it can fork others with other values.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long count, first = -1;
static char under[4096];
static pid_t armed_in;

#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (!real) real = (result (*)(__VA_ARGS__)) dlsym(RTLD_NEXT, #name)

static int is_armed(void) {
    const char *at = getenv("DISK_AT"), *folder = getenv("DISK_UNDER");
    if (armed_in == getpid()) return 1;
    if (!folder || !*folder) return 0;
    armed_in = getpid();
    count = 0;
    snprintf(under, sizeof under, "%s", folder);
    first = at ? atol(at) : -1;
    return 1;
}

static int is_under(const char *path) {
    char whole[8192];
    if (path[0] == '/') return !strncmp(path, under, strlen(under));
    if (!getcwd(whole, 4096)) return 0;
    strcat(whole, "/");
    strncat(whole, path, 4000);
    return !strncmp(whole, under, strlen(under));
}

static int is_open_under(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    return is_under(path);
}

static int fails(void) {
    long number = __sync_add_and_fetch(&count, 1);
    const char *log = getenv("DISK_LOG");
    if (log) {
        REAL(int, open, const char *, int, ...);
        static ssize_t (*put)(int, const void *, size_t);
        if (!put) put = (ssize_t (*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write");
        int file = real(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (file >= 0) {
            (void) !put(file, ".", 1);
            close(file);
        }
    }
    if (first < 0 || number < first) return 0;
    errno = ENOSPC;
    return 1;
}

#define BY_FILE(result, name, types, arguments, file, failure) \
    result name types { \
        static result (*real) types; \
        if (!real) real = (result (*) types) dlsym(RTLD_NEXT, #name); \
        if (is_armed() && is_open_under(file) && fails()) return failure; \
        return real arguments; \
    }
#define BY_PATH(result, name, types, arguments, path, failure) \
    result name types { \
        static result (*real) types; \
        if (!real) real = (result (*) types) dlsym(RTLD_NEXT, #name); \
        if (is_armed() && is_under(path) && fails()) return failure; \
        return real arguments; \
    }

BY_FILE(ssize_t, write, (int f, const void *b, size_t n), (f, b, n), f, -1)
BY_FILE(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o), f, -1)
BY_FILE(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o), f, -1)
BY_FILE(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n), f, -1)
BY_FILE(int, ftruncate, (int f, off_t n), (f, n), f, -1)
BY_FILE(int, ftruncate64, (int f, off64_t n), (f, n), f, -1)
BY_FILE(int, fallocate, (int f, int m, off_t o, off_t n), (f, m, o, n), f, -1)
BY_FILE(int, fallocate64, (int f, int m, off64_t o, off64_t n), (f, m, o, n), f, -1)
BY_FILE(int, posix_fallocate, (int f, off_t o, off_t n), (f, o, n), f, ENOSPC)
BY_FILE(int, posix_fallocate64, (int f, off64_t o, off64_t n), (f, o, n), f, ENOSPC)
BY_FILE(ssize_t, sendfile, (int o, int i, off_t *p, size_t n), (o, i, p, n), o, -1)
BY_FILE(ssize_t, sendfile64, (int o, int i, off64_t *p, size_t n), (o, i, p, n), o, -1)
BY_FILE(ssize_t, copy_file_range, (int i, off64_t *a, int o, off64_t *b, size_t n, unsigned f), (i, a, o, b, n, f), o, -1)
BY_FILE(size_t, fwrite, (const void *b, size_t s, size_t n, FILE *f), (b, s, n, f), fileno(f), 0)
BY_PATH(int, mkdir, (const char *p, mode_t m), (p, m), p, -1)
BY_PATH(int, link, (const char *a, const char *p), (a, p), p, -1)
BY_PATH(int, symlink, (const char *a, const char *p), (a, p), p, -1)

static int is_new(const char *path) { return is_armed() && is_under(path) && access(path, F_OK) && fails(); }

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        if ((flags & O_CREAT) && is_new(path)) return -1; \
        return real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define STREAMS(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(FILE *, name, const char *, const char *); \
        if (mode[0] == 'w' && is_new(path)) return NULL; \
        return real(path, mode); \
    }
STREAMS(fopen)
STREAMS(fopen64)
