// SPDX-License-Identifier: MIT
// full_disk.so: preloaded into a PostgreSQL server, it plays a full disk. While the file $FULL_DISK is there, no table or index
// of the server can grow: the system call fails with ENOSPC, and all that follows is PostgreSQL's own. A small file system would
// be the real thing, but mounting one takes rights that a test has not got everywhere. The log before the tables (pg_wal) is as
// on a disk of its own; where that one is full, the server ends itself, and comes back when it is started: killed, that is.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// Whether a write up to `end` would make a table or index longer than it is.
static bool refuses(int file, off_t end)
{
    char link[64], path[PATH_MAX];
    struct stat known;
    const char *flag = getenv("FULL_DISK");
    if (!flag || access(flag, F_OK) != 0 || fstat(file, &known) != 0 || end <= known.st_size) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return strstr(path, "/base/") != NULL;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (!refuses(file, offset + (off_t)count)) return real(file, bytes, count, offset);
    errno = ENOSPC;
    return -1;
}

ssize_t pwritev(int file, const struct iovec *pieces, int count, off_t offset)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pwritev");
    off_t end = offset;
    for (int i = 0; i < count; i++) end += (off_t)pieces[i].iov_len;
    if (!refuses(file, end)) return real(file, pieces, count, offset);
    errno = ENOSPC;
    return -1;
}

int posix_fallocate(int file, off_t offset, off_t length)
{
    static int (*real)(int, off_t, off_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "posix_fallocate");
    return refuses(file, offset + length) ? ENOSPC : real(file, offset, length);
}
