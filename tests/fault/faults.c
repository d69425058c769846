// SPDX-License-Identifier: MIT
// Makes calls fail, one at a time: a library that a service is started with (LD_PRELOAD), which stands before the C library and
// libpq. It does nothing until a request says which of the calls made for it is to fail; see control.h.
//
// Left out is what librdkafka allocates, as its answer is known: it ends the process when memory is short, by design (rd_malloc
// asserts). Its end is the matter of tests/chaos.
#include "control.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <link.h>
#include <postgresql/libpq-fe.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <threads.h>
#include <unistd.h>

#define THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))
THREAD_LOCAL enum fault_kind armed;
THREAD_LOCAL long left;
THREAD_LOCAL int inside; // our own work, and that of libpq in a call that has been counted

static struct fault_control *control;
static const char *service = "", *trace;
static uintptr_t left_out_begin, left_out_end; // where the code of librdkafka stands

static int find_left_out(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; strstr(info->dlpi_name, "librdkafka") && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        left_out_begin = info->dlpi_addr + part->p_vaddr;
        left_out_end = left_out_begin + part->p_memsz;
    }
    return 0;
}

static bool is_left_out(uintptr_t caller)
{
    return caller >= left_out_begin && caller < left_out_end;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAULT_FILE");
    if (!path || !getenv("FAULT_SERVICE")) return;
    service = getenv("FAULT_SERVICE");
    trace = getenv("FAULT_TRACE");
    void *warm[1];
    backtrace(warm, 1); // loads its library now
    dl_iterate_phdr(find_left_out, NULL);
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof *control) != 0) abort();
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) abort();
    close(file);
    control = mapped;
}

static void tell(const char *call, void *caller)
{
    Dl_info info = {0};
    void *stack[24];
    dladdr(caller, &info);
    snprintf(control->last, sizeof control->last, "%s, called by %s of %s", call, info.dli_sname ? info.dli_sname : "?", info.dli_fname ? info.dli_fname : "?");
    atomic_fetch_add(&control->fired, 1);
    if (!trace) return;
    dprintf(STDERR_FILENO, "fault: %s\n", control->last);
    backtrace_symbols_fd(stack, backtrace(stack, 24), STDERR_FILENO);
}

// A new thread is called like the one that made it, until it takes a name of its own: of the main thread's only itself is meant.
static bool is_named(const char *wanted)
{
    char name[16];
    if (prctl(PR_GET_NAME, name) != 0 || strcmp(name, wanted) != 0) return false;
    return strcmp(name, service) != 0 || gettid() == getpid();
}

// Whether calls of the kind are counted on this thread.
static bool is_armed(enum fault_kind kind)
{
    return armed == kind || (control && atomic_load(&control->thread_kind) == (int)kind && is_named(control->thread));
}

// By where code stands in its file, wherever that was loaded. Innermost is our own, then the call and its caller; of what stands
// between that and the program, in libraries, there is no end.
#define WAY_FRAMES 24
#define WAY_FRAMES_INNERMOST 4
static unsigned long way_here(void)
{
    void *stack[WAY_FRAMES];
    unsigned long hash = 14695981039346656037UL; // FNV-1a
    const int depth = backtrace(stack, WAY_FRAMES);
    for (int i = 0; i < depth; i++) {
        struct dl_find_object file;
        const bool is_known = _dl_find_object(stack[i], &file) == 0;
        if (i >= WAY_FRAMES_INNERMOST && is_known && file.dlfo_link_map->l_name[0]) continue;
        hash = (hash ^ ((uintptr_t)stack[i] - (is_known ? (uintptr_t)file.dlfo_map_start : 0))) * 1099511628211UL;
    }
    return hash ? hash : 1;
}

// Notes it, where it is new.
static bool is_new_way(void)
{
    inside++;
    const unsigned long way = way_here();
    inside--;
    for (unsigned long i = way, tries = 0; tries < FAULT_WAYS_MAX; i++, tries++) {
        unsigned long noted = 0;
        if (atomic_compare_exchange_strong(&control->ways[i % FAULT_WAYS_MAX], &noted, way)) return true;
        if (noted == way) return false;
    }
    abort(); // FAULT_WAYS_MAX are too few
}

static bool is_its_turn(void)
{
    if (atomic_load(&control->thread_left) == FAULT_NEW_WAY) return is_new_way();
    return atomic_fetch_sub(&control->thread_left, 1) == 1;
}

// Whether this is the call that is to fail.
static bool fails(enum fault_kind kind, const char *call, void *caller)
{
    if (inside || !is_armed(kind)) return false;
    if (armed == kind) {
        if (--left > 0) return false;
        armed = FAULT_NONE;
    } else {
        if (!is_its_turn()) return false;
        atomic_store(&control->thread_kind, FAULT_NONE);
    }
    inside++;
    tell(call, caller);
    inside--;
    return true;
}
#define FAILS(kind) fails(kind, __func__, __builtin_return_address(0))

static void arm_by(const char *bytes, size_t length)
{
    const char *line = memchr(bytes, '\n', length);
    if (!line || !memmem(bytes, (size_t)(line - bytes), " HTTP/1.1\r", 10)) return; // no head of a request
    char wanted[64];
    armed = FAULT_NONE;
    for (int kind = 1; kind < FAULT_KINDS; kind++) {
        const int size = snprintf(wanted, sizeof wanted, FAULT_MARK "%s/%s/", service, fault_kinds[kind]);
        const char *mark = memmem(bytes, length, wanted, (size_t)size);
        if (!mark) continue;
        left = strtol(mark + size, NULL, 10);
        armed = (enum fault_kind)kind;
    }
}

// --- Memory ----------------------------------------------------------------------------------------

#define ALLOCATION(name, parameters, arguments)                                                                            \
    extern void *__interceptor_##name parameters __attribute__((weak));                                                    \
    extern void *__libc_##name parameters __attribute__((weak));                                                           \
    void *name parameters                                                                                                  \
    {                                                                                                                      \
        const uintptr_t caller = (uintptr_t)__builtin_return_address(0);                                                   \
        if (is_armed(FAULT_MEMORY) && !is_left_out(caller) && FAILS(FAULT_MEMORY)) {                                       \
            errno = ENOMEM;                                                                                                \
            return NULL;                                                                                                   \
        }                                                                                                                  \
        return __interceptor_##name ? __interceptor_##name arguments : __libc_##name arguments;                            \
    }
ALLOCATION(malloc, (size_t size), (size))
ALLOCATION(calloc, (size_t count, size_t size), (count, size))
ALLOCATION(realloc, (void *memory, size_t size), (memory, size))

// --- The rest: the name is looked up behind us, once -----------------------------------------------------

#define REAL(name)                                                                                                         \
    static typeof(&name) real;                                                                                             \
    if (!real) {                                                                                                           \
        inside++;                                                                                                          \
        real = (typeof(&name))dlsym(RTLD_NEXT, #name);                                                                     \
        inside--;                                                                                                          \
    }

// A thread of librdkafka's is as its memory: without it the process ends, or waits for ever (rd_kafka_new).
int thrd_create(thrd_t *thread, thrd_start_t begin, void *argument)
{
    REAL(thrd_create)
    const int left_out = is_left_out((uintptr_t)__builtin_return_address(0)) ? 1 : 0;
    inside += left_out;
    const int result = real(thread, begin, argument);
    inside -= left_out;
    return result;
}

#define SYSTEM_CALL(kind, error, type, name, parameters, arguments)                                                        \
    type name parameters                                                                                                   \
    {                                                                                                                      \
        REAL(name)                                                                                                         \
        if (FAILS(kind)) {                                                                                                 \
            errno = error;                                                                                                 \
            return -1;                                                                                                     \
        }                                                                                                                  \
        return real arguments;                                                                                             \
    }
SYSTEM_CALL(FAULT_SOCKET, ECONNREFUSED, int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
SYSTEM_CALL(FAULT_FILE, ENOSPC, ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
SYSTEM_CALL(FAULT_FILE, ENOSPC, ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
SYSTEM_CALL(FAULT_FILE, EIO, int, fsync, (int fd), (fd))
SYSTEM_CALL(FAULT_FILE, EIO, int, fdatasync, (int fd), (fd))
SYSTEM_CALL(FAULT_FILE, EIO, int, rename, (const char *from, const char *to), (from, to))

// A connection that was reset is dead both ways: libpq takes a send that failed for sent, and waits for what the peer has to say.
static ssize_t reset(int fd)
{
    shutdown(fd, SHUT_RDWR);
    errno = ECONNRESET;
    return -1;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send)
    return FAILS(FAULT_SOCKET) ? reset(fd) : real(fd, bytes, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg)
    return FAILS(FAULT_SOCKET) ? reset(fd) : real(fd, message, flags);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    REAL(recv)
    if (FAILS(FAULT_SOCKET)) return reset(fd);
    const ssize_t got = real(fd, bytes, size, flags);
    if (got > 0 && control) arm_by(bytes, (size_t)got);
    return got;
}

// The connection to the database is gone when the call is made, or an instant before.
#define DATABASE_CALL(type, name, parameters, arguments)                                                                   \
    type name parameters                                                                                                   \
    {                                                                                                                      \
        REAL(name)                                                                                                         \
        if (FAILS(FAULT_DATABASE)) shutdown(PQsocket(pg), SHUT_RDWR);                                                      \
        const int counted = is_armed(FAULT_DATABASE) ? 1 : 0;                                                              \
        inside += counted;                                                                                                 \
        type result = real arguments;                                                                                      \
        inside -= counted;                                                                                                 \
        return result;                                                                                                     \
    }
DATABASE_CALL(int, PQsendQuery, (PGconn *pg, const char *text), (pg, text))
DATABASE_CALL(int, PQsendPrepare, (PGconn *pg, const char *name, const char *text, int count, const Oid *types), (pg, name, text, count, types))
DATABASE_CALL(int, PQsendQueryPrepared,
              (PGconn *pg, const char *name, int count, const char *const *values, const int *lengths, const int *formats, int format),
              (pg, name, count, values, lengths, formats, format))
DATABASE_CALL(int, PQpipelineSync, (PGconn *pg), (pg))
DATABASE_CALL(int, PQflush, (PGconn *pg), (pg))
DATABASE_CALL(int, PQconsumeInput, (PGconn *pg), (pg))
DATABASE_CALL(PGresult *, PQgetResult, (PGconn *pg), (pg))

// --- Produce: the relay's, which no request makes -----------------------------------------------------------

#define VALUES_MAX 16

// The same arguments for the call that takes them as an array.
static size_t values_of(va_list arguments, rd_kafka_vu_t *out)
{
    size_t count = 0;
    for (rd_kafka_vtype_t type; count < VALUES_MAX && (type = va_arg(arguments, rd_kafka_vtype_t)) != RD_KAFKA_VTYPE_END; count++) {
        out[count].vtype = type;
        switch (type) {
        case RD_KAFKA_VTYPE_TOPIC: out[count].u.cstr = va_arg(arguments, const char *); break;
        case RD_KAFKA_VTYPE_MSGFLAGS: out[count].u.i = va_arg(arguments, int); break;
        case RD_KAFKA_VTYPE_KEY:
        case RD_KAFKA_VTYPE_VALUE:
            out[count].u.mem.ptr = va_arg(arguments, void *);
            out[count].u.mem.size = va_arg(arguments, size_t);
            break;
        case RD_KAFKA_VTYPE_HEADERS: out[count].u.headers = va_arg(arguments, rd_kafka_headers_t *); break;
        case RD_KAFKA_VTYPE_OPAQUE: out[count].u.ptr = va_arg(arguments, void *); break;
        default: abort(); // the producer uses a kind of argument that is not known here
        }
    }
    return count;
}

rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *client, ...)
{
    long due = control ? atomic_load(&control->produce_left) : 0;
    if (due > 0 && atomic_compare_exchange_strong(&control->produce_left, &due, due - 1) && due == 1) {
        tell(__func__, __builtin_return_address(0));
        return RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    }
    rd_kafka_vu_t values[VALUES_MAX];
    va_list arguments;
    va_start(arguments, client);
    const size_t count = values_of(arguments, values);
    va_end(arguments);
    rd_kafka_error_t *error = rd_kafka_produceva(client, values, count);
    const rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error) rd_kafka_error_destroy(error);
    return code;
}
