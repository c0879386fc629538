/* In front of libc: a disk under FAILING_UNDER that does what the file FAILING_SAYS says: "write 28" (every write fails
   with this errno), "sync 5", or "write 30", with which it is read-only: nothing is opened to be written, renamed or
   deleted, either. Empty: all is well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int said_of(const char *path, const char *what)
{
    const char *under = getenv("FAILING_UNDER"), *says = getenv("FAILING_SAYS");
    char said[64] = "", word[16] = "";
    int number = 0, kept = errno, handle;
    if (!under || !says || !path || !strstr(path, under))
        return 0;
    handle = (int)syscall(SYS_openat, AT_FDCWD, says, O_RDONLY | O_CLOEXEC);
    if (handle < 0)
        return 0;
    if (read(handle, said, sizeof said - 1) < 0)
        said[0] = 0;
    close(handle);
    errno = kept;
    return sscanf(said, "%15s %d", word, &number) == 2 && !strcmp(word, what) ? number : 0;
}

static int refused(const char *what, int handle)
{
    char link[64], path[4096];
    ssize_t size;
    if (handle < 3)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    size = readlink(link, path, sizeof path - 1);
    if (size <= 0)
        return 0;
    path[size] = 0;
    return said_of(path, what);
}

#define FAILS(what, handle)                  \
    do {                                     \
        int number = refused(what, handle);  \
        if (number) {                        \
            errno = number;                  \
            return -1;                       \
        }                                    \
    } while (0)

ssize_t write(int handle, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "write");
    FAILS("write", handle);
    return real(handle, data, size);
}

ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "pwrite64");
    FAILS("write", handle);
    return real(handle, data, size, at);
}

int fdatasync(int handle)
{
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fdatasync");
    FAILS("sync", handle);
    return real(handle);
}

int fsync(int handle)
{
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    FAILS("sync", handle);
    return real(handle);
}

int open64(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    mode_t mode;
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
    if (!real)
        real = dlsym(RTLD_NEXT, "open64");
    if (flags & (O_WRONLY | O_RDWR | O_CREAT) && said_of(path, "write") == EROFS) {
        errno = EROFS;
        return -1;
    }
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode;
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
    return open64(path, flags, mode);
}

int unlink(const char *path)
{
    static int (*real)(const char *);
    if (!real)
        real = dlsym(RTLD_NEXT, "unlink");
    if (said_of(path, "write") == EROFS) {
        errno = EROFS;
        return -1;
    }
    return real(path);
}

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (!real)
        real = dlsym(RTLD_NEXT, "rename");
    if (said_of(to, "write") == EROFS) {
        errno = EROFS;
        return -1;
    }
    return real(from, to);
}
