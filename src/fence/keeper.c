/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keeper: a process that holds a second descriptor of the open watchdog, does nothing, and
 * hands it to any process of the same user that asks on its Unix socket. One packet of one byte
 * asks: 't' take, 'e' end. The answer to 't' is the device's name and the descriptor.
 */
#include "fence/internal.h"

#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { answer_limit_ms = 1000 };

static bool set_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return path[0] && copy_text(address->sun_path, sizeof(address->sun_path), path);
}

static void set_limit(int fd)
{
    struct timeval limit = {.tv_sec = answer_limit_ms / 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* ---- the keeper's side: after fork(), so nothing but system calls ---- */

static void send_descriptor(int connection, int fd, const char *device, size_t size)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)device, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    (void)sendmsg(connection, &message, MSG_NOSIGNAL);
}

/* False: it is time to end. */
static bool serve_one(int listener, int fd, const char *device)
{
    char wish = 0;
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    CLEANUP(closep) int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
        return errno == EINTR || errno == ECONNABORTED;
    }
    set_limit(connection);
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        (peer.uid != 0 && peer.uid != geteuid()) || recv(connection, &wish, 1, 0) != 1) {
        return true;
    }
    if (wish == 't') {
        send_descriptor(connection, fd, device, strlen(device) + 1);
    }
    if (wish == 'e') {
        (void)close(fd); /* before the answer: the asker may rely on it */
        (void)send(connection, &wish, 1, MSG_NOSIGNAL);
    }
    return wish != 'e';
}

/* Keeps 3 (the listener) and 4 (the device), closes the rest. */
static void settle(int listener, int fd)
{
    int high_listener = fcntl(listener, F_DUPFD, 10);
    int high_fd = fcntl(fd, F_DUPFD, 10);
    (void)dup2(high_listener, 3);
    (void)dup2(high_fd, 4);
    (void)syscall(SYS_close_range, 5U, ~0U, 0U);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) {
        (void)dup2(null, i);
    }
    (void)close(null);
    int adjust = open("/proc/self/oom_score_adj", O_WRONLY);
    if (adjust >= 0) {
        ssize_t ignored = write(adjust, "-1000", 5);
        (void)ignored;
        (void)close(adjust);
    }
}

_Noreturn static void be_keeper(int listener, int fd, const char *device)
{
    static const int deaf_to[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
    (void)setsid();
    for (size_t i = 0; i < ARRAY_LEN(deaf_to); i++) {
        (void)signal(deaf_to[i], SIG_IGN);
    }
    (void)prctl(PR_SET_NAME, "berth-keeper");
    (void)!chdir("/");
    settle(listener, fd);
    while (serve_one(3, 4, device)) {
    }
    _exit(0);
}

/* ---- berthd's side ---- */

static int keeper_call(const char *path, char wish)
{
    struct sockaddr_un address;
    if (!set_address(&address, path)) {
        return -ENOENT;
    }
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    set_limit(fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return errno == ECONNREFUSED ? -ENOENT : -errno;
    }
    if (send(fd, &wish, 1, MSG_NOSIGNAL) != 1) {
        return -errno;
    }
    int called = fd;
    fd = -1;
    return called;
}

static int receive(int connection, char *ret_device, int *ret_fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = ret_device, .iov_len = watchdog_path_size - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS) {
        return size < 0 ? -errno : -EIO;
    }
    ret_device[size] = '\0';
    memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
    return 0;
}

int keeper_take(const char *path, int *ret_fd, char *ret_device, struct error *err)
{
    CLEANUP(closep) int connection = keeper_call(path, 't');
    int result = connection < 0 ? connection : receive(connection, ret_device, ret_fd);
    if (result == -ENOENT) {
        return error_set(err, result, "no predecessor left an armed watchdog");
    }
    if (result < 0) {
        return error_set(err, result, "the watchdog's keeper does not answer at %s: %s", path,
                         strerror(-result));
    }
    return 0;
}

int keeper_end(const char *path)
{
    char answer;
    CLEANUP(closep) int connection = keeper_call(path, 'e');
    if (connection < 0) {
        return connection;
    }
    (void)unlink(path);
    return recv(connection, &answer, 1, 0) == 1 ? 0 : -EIO;
}

static int listen_at(const char *path, struct error *err)
{
    struct sockaddr_un address;
    if (!set_address(&address, path)) {
        return error_set(err, -EINVAL, "\"%s\" is no path of a socket", path);
    }
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, 0600) < 0 || listen(fd, 4) < 0) {
        int failed = -errno;
        return error_set(err, failed, "the watchdog's keeper cannot listen at %s: %s", path,
                         strerror(-failed));
    }
    int listener = fd;
    fd = -1;
    return listener;
}

/* Forked twice, so that init is its parent and no one has to wait for it. */
int keeper_start(const char *path, int fd, const char *device, struct error *err)
{
    int status;
    CLEANUP(closep) int present = keeper_call(path, 'p');
    if (present >= 0) {
        return 0;
    }
    CLEANUP(closep) int listener = listen_at(path, err);
    if (listener < 0) {
        return listener;
    }
    pid_t child = fork();
    if (child == 0) {
        pid_t keeper = fork();
        if (keeper == 0) {
            be_keeper(listener, fd, device);
        }
        _exit(keeper < 0 ? 1 : 0);
    }
    if (child < 0) {
        int failed = -errno;
        return error_set(err, failed, "the watchdog's keeper cannot be started: %s",
                         strerror(-failed));
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return 0;
}
