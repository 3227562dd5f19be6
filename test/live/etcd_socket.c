/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's sockets and the child processes of the program that uses it. */
#include "etcd/etcd.h"
#include "test/live/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { patience_ms = 20000 };

static void answered(void *userdata, const struct etcd_reply *reply)
{
    enum txn_outcome *outcome = userdata;
    *outcome = reply->outcome;
}

/* A listener whose queue is full, into 'ret_fds': connections to it do not stand. Returns its port.
 */
static int listen_in_vain(int ret_fds[static 3])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    for (size_t i = 0; i < 3; i++) {
        ret_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        REQUIRE(ret_fds[i] >= 0);
    }
    REQUIRE(bind(ret_fds[0], (struct sockaddr *)&address, size) == 0);
    REQUIRE(listen(ret_fds[0], 0) == 0);
    REQUIRE(getsockname(ret_fds[0], (struct sockaddr *)&address, &size) == 0);
    for (size_t i = 1; i < 3; i++) {
        REQUIRE(connect(ret_fds[i], (struct sockaddr *)&address, size) == 0 ||
                errno == EINPROGRESS);
    }
    return ntohs(address.sin_port);
}

static pid_t start_child(void)
{
    char name[] = "sleep", seconds[] = "30";
    char *arguments[] = {name, seconds, NULL};
    pid_t pid;
    REQUIRE(posix_spawnp(&pid, name, NULL, NULL, arguments, environ) == 0);
    return pid;
}

static int count_sockets(pid_t pid)
{
    int sockets = 0;
    for (int fd = 0; fd < 256; fd++) {
        char path[64];
        struct stat status;
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
        sockets += stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
    }
    return sockets;
}

/* A child that had a socket of the client open kept it in epoll behind the client's back; what then
 * happened to it made sd-event abort. */
TEST(a_child_that_is_started_during_a_connection_attempt_knows_nothing_of_it)
{
    sd_event *event;
    struct etcd *etcd;
    struct error err;
    enum txn_outcome outcome = TXN_COMMITTED;
    char vain[64];
    int fds[3];
    (void)snprintf(vain, sizeof(vain), "http://127.0.0.1:%d", listen_in_vain(fds));
    const char *const endpoints[] = {vain};
    const struct etcd_config config = {
        .endpoints = endpoints, .endpoint_len = 1, .connect_limit_ms = 300};
    REQUIRE(sd_event_new(&event) >= 0);
    REQUIRE(etcd_new(event, &config, &etcd, &err) == 0);
    /* The library has sockets of its own, which the loop does not watch. */
    pid_t children[2] = {start_child()};
    int before = count_sockets(getpid()), inherited = count_sockets(children[0]);
    const struct wire_operation put = {.key = WIRE_BYTES("/k"), .value = WIRE_BYTES("v")};
    etcd_txn(etcd, &(struct wire_transaction){.operations = &put, .operation_len = 1}, 600,
             answered, &outcome);
    LOOP_UNTIL(event, count_sockets(getpid()) > before, patience_ms);
    children[1] = start_child();
    CHECK_INT(count_sockets(children[1]), inherited);
    LOOP_UNTIL(event, outcome == TXN_IMPOSSIBLE, patience_ms);
    for (size_t i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
    /* The kernel asks again after a second and is refused, were the attempt still open. */
    LOOP_WHILE(event, true, 1500);
    for (size_t i = 0; i < 2; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
    etcd_free(etcd);
    sd_event_unref(event);
}
