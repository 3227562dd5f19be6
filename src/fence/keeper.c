/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keeper: a process that holds a second descriptor of the open watchdog, does nothing, and
 * hands it to any process of the same user that asks on its Unix socket and says that it is who the
 * watchdog is held for. So whatever becomes of names and files, for as long as the watchdog ticks
 * no one but this very host of this very cluster pets it.
 *
 * One packet asks: 't' take, 'i' hold it for another from now on, 'e' end. The answer to 't' is for
 * whom it is held and, if that is the asker, the descriptor.
 */
#include "fence/internal.h"

#include "base/parse.h"

#include <assert.h>
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

/* A keeper of an older berthd reads the first byte only, and answers with the device only. */
struct keeper_request {
    char wish;
    struct watchdog_holder holder;
};

struct keeper_answer {
    char device[watchdog_path_size];
    struct watchdog_holder holder;
};

/* What is not known, on either side, is no other one. */
static bool is_same(const char *a, const char *b)
{
    return !a[0] || !b[0] || strcmp(a, b) == 0;
}

static bool is_same_holder(const struct watchdog_holder *a, const struct watchdog_holder *b)
{
    return is_same(a->node, b->node) && is_same(a->cluster, b->cluster);
}

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

/* 'fd' -1: no descriptor, only for whom it is. */
static void send_answer(int connection, int fd, struct keeper_answer *answer)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = answer, .iov_len = sizeof(*answer)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    }
    (void)sendmsg(connection, &message, MSG_NOSIGNAL);
}

/*
 * False: it is time to end. The descriptor goes to no one but its holder: who pets the
 * watchdog vouches for the VMs that the others count on it to end.
 */
static bool serve_one(int listener, int fd, struct keeper_answer *kept)
{
    struct keeper_request request = {0};
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    CLEANUP(closep) int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
        return errno == EINTR || errno == ECONNABORTED;
    }
    set_limit(connection);
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        (peer.uid != 0 && peer.uid != geteuid()) ||
        recv(connection, &request, sizeof(request), 0) < 1) {
        return true;
    }
    request.holder.node[name_size - 1] = request.holder.cluster[cluster_id_size - 1] = '\0';
    if (request.wish == 't') {
        send_answer(connection, is_same_holder(&kept->holder, &request.holder) ? fd : -1, kept);
    }
    if (request.wish == 'i') {
        kept->holder = request.holder;
    }
    if (request.wish == 'e') {
        (void)close(fd); /* before the answer: the asker may rely on it */
    }
    if (request.wish == 'i' || request.wish == 'e') {
        (void)send(connection, &request.wish, 1, MSG_NOSIGNAL);
    }
    return request.wish != 'e';
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

_Noreturn static void be_keeper(int listener, int fd, struct keeper_answer *kept)
{
    static const int deaf_to[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
    (void)setsid();
    for (size_t i = 0; i < ARRAY_LEN(deaf_to); i++) {
        (void)signal(deaf_to[i], SIG_IGN);
    }
    (void)prctl(PR_SET_NAME, "berth-keeper");
    (void)!chdir("/");
    settle(listener, fd);
    while (serve_one(3, 4, kept)) {
    }
    _exit(0);
}

/* ---- berthd's side ---- */

static int keeper_call(const char *path, char wish, const struct watchdog_holder *holder)
{
    struct keeper_request request;
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
    memset(&request, 0, sizeof(request)); /* its padding is sent, too */
    request.wish = wish;
    if (holder) {
        request.holder = *holder;
    }
    if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request)) {
        return -errno;
    }
    int called = fd;
    fd = -1;
    return called;
}

/* '*ret_fd' -1: it is not for us. */
static int receive(int connection, struct keeper_answer *ret, int *ret_fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (size <= 0 || (!header && size != (ssize_t)sizeof(*ret))) {
        return size < 0 ? -errno : -EIO;
    }
    ret->device[watchdog_path_size - 1] = '\0';
    if (header && header->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
    }
    return 0;
}

int keeper_take(const char *path, const struct watchdog_holder *holder, int *ret_fd,
                char *ret_device, struct watchdog_holder *ret_holder, struct error *err)
{
    struct keeper_answer answer;
    memset(&answer, 0, sizeof(answer));
    *ret_fd = -1;
    CLEANUP(closep) int connection = keeper_call(path, 't', holder);
    int result = connection < 0 ? connection : receive(connection, &answer, ret_fd);
    if (result == 0 && *ret_fd < 0) {
        return error_set(err, -EBUSY,
                         "the watchdog of this host is kept for %s of cluster %s, and would vouch "
                         "for that host's VMs; this is %s of cluster %s. Restore the name (node = "
                         "%s) and etcd_prefix in the configuration, or restart the host",
                         answer.holder.node, answer.holder.cluster, holder->node,
                         holder->cluster[0] ? holder->cluster : "(none yet)", answer.holder.node);
    }
    memcpy(ret_device, answer.device, watchdog_path_size);
    *ret_holder = answer.holder;
    if (result == -ENOENT) {
        return error_set(err, result, "no predecessor left an armed watchdog");
    }
    if (result < 0) {
        return error_set(err, result, "the watchdog's keeper does not answer at %s: %s", path,
                         strerror(-result));
    }
    return 0;
}

int keeper_hold_for(const char *path, const struct watchdog_holder *holder)
{
    char answer;
    CLEANUP(closep) int connection = keeper_call(path, 'i', holder);
    return connection < 0 ? connection : recv(connection, &answer, 1, 0) == 1 ? 0 : -EIO;
}

int keeper_end(const char *path)
{
    char answer;
    CLEANUP(closep) int connection = keeper_call(path, 'e', NULL);
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
int keeper_start(const char *path, int fd, const char *device, const struct watchdog_holder *holder,
                 struct error *err)
{
    int status;
    struct keeper_answer kept;
    assert(fd >= 0);
    memset(&kept, 0, sizeof(kept));
    if (keeper_hold_for(path, holder) == 0) {
        return 0;
    }
    (void)copy_text(kept.device, sizeof(kept.device), device);
    kept.holder = *holder;
    CLEANUP(closep) int listener = listen_at(path, err);
    if (listener < 0) {
        return listener;
    }
    pid_t child = fork();
    if (child == 0) {
        pid_t keeper = fork();
        if (keeper == 0) {
            be_keeper(listener, fd, &kept);
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
