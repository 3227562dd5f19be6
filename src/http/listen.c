/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/http.h"

#include "base/parse.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int new_socket(struct error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd >= 0 ? fd : error_set(err, -errno, "socket: %s", strerror(errno));
}

/* Removes what an earlier process left; refuses what is alive or no socket. */
static int clear_place(const struct sockaddr_un *address, struct error *err)
{
    struct stat status;
    CLEANUP(closep) int probe = -1;
    if (lstat(address->sun_path, &status) < 0) {
        return errno == ENOENT
                   ? 0
                   : error_set(err, -errno, "%s: %s", address->sun_path, strerror(errno));
    }
    if (!S_ISSOCK(status.st_mode)) {
        return error_set(err, -EEXIST, "%s is there and is no socket", address->sun_path);
    }
    probe = new_socket(err);
    if (probe < 0) {
        return probe;
    }
    if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
        errno == EAGAIN) {
        return error_set(err, -EADDRINUSE, "another process serves %s already", address->sun_path);
    }
    if (unlink(address->sun_path) < 0) {
        return error_set(err, -errno, "removing the old %s: %s", address->sun_path,
                         strerror(errno));
    }
    return 0;
}

/* The directory above 'path', one level: the packaging makes the rest. */
static int make_directory(const char *path, struct error *err)
{
    char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
    (void)copy_text(directory, sizeof(directory), path);
    char *slash = strrchr(directory, '/');
    if (!slash || slash == directory) {
        return 0;
    }
    *slash = '\0';
    if (mkdir(directory, 0755) < 0 && errno != EEXIST) {
        return error_set(err, -errno, "making the directory %s: %s", directory, strerror(errno));
    }
    return 0;
}

/* Read and write for the owner and, where there is that group, its members. */
static int set_access(const char *path, const char *group, struct error *err)
{
    const struct group *found = group ? getgrnam(group) : NULL;
    if (found && chown(path, (uid_t)-1, found->gr_gid) < 0) {
        return error_set(err, -errno, "giving %s to the group %s: %s", path, group,
                         strerror(errno));
    }
    if (chmod(path, found ? 0660 : 0600) < 0) {
        return error_set(err, -errno, "chmod %s: %s", path, strerror(errno));
    }
    return 0;
}

int http_listen_unix(const char *path, const char *group, int *ret, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r;
    if (!copy_text(address.sun_path, sizeof(address.sun_path), path)) {
        return error_set(err, -ENAMETOOLONG, "%s is too long for a socket", path);
    }
    if ((r = make_directory(path, err)) < 0 || (r = clear_place(&address, err)) < 0) {
        return r;
    }
    CLEANUP(closep) int fd = new_socket(err);
    if (fd < 0) {
        return fd;
    }
    /* No one may connect before set_access() has said who may. */
    mode_t before = umask(0177);
    r = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    int bind_errno = errno;
    (void)umask(before);
    if (r < 0) {
        return error_set(err, -bind_errno, "listening at %s: %s", path, strerror(bind_errno));
    }
    if ((r = set_access(path, group, err)) < 0) {
        return r;
    }
    if (listen(fd, SOMAXCONN) < 0) {
        return error_set(err, -errno, "listening at %s: %s", path, strerror(errno));
    }
    *ret = fd;
    fd = -1;
    return 0;
}

/* ---- TCP ---- */

int http_address_parse(const char *text, char *ret_host, unsigned *ret_port, struct error *err)
{
    const char *colon = strrchr(text, ':');
    bool is_bracketed = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
    const char *from = is_bracketed ? text + 1 : text;
    size_t len = colon ? (size_t)(colon - from) - (is_bracketed ? 1 : 0) : 0;
    uint64_t port = 0;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    bool is_good = len > 0 && len < http_address_size && parse_u64(colon + 1, 65535, &port) &&
                   port > 0 && (is_bracketed || !memchr(from, ':', len));
    if (is_good) {
        memcpy(ret_host, from, len);
        ret_host[len] = '\0';
        is_good = getaddrinfo(ret_host, NULL, &hints, &found) == 0 &&
                  (found->ai_family == AF_INET6) == is_bracketed;
    }
    if (found) {
        freeaddrinfo(found);
    }
    if (!is_good) {
        return error_set(err, -EINVAL,
                         "\"%.80s\" is no address and port such as 127.0.0.1:8643 or [::]:8643",
                         text);
    }
    *ret_port = (unsigned)port;
    return 0;
}

static int listen_at(const struct addrinfo *at, int *ret)
{
    const int on = 1, off = 0;
    CLEANUP(closep)
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (at->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0) ||
        bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0) {
        return -errno;
    }
    *ret = fd;
    fd = -1;
    return 0;
}

int http_listen_tcp(const char *text, int *ret, struct error *err)
{
    char host[http_address_size] = "", port_text[8];
    unsigned port = 0;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    int r = http_address_parse(text, host, &port, err);
    if (r < 0) {
        return r;
    }
    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    if (getaddrinfo(host, port_text, &hints, &found) != 0) {
        return error_set(err, -EINVAL, "%s is no address", text);
    }
    r = listen_at(found, ret);
    freeaddrinfo(found);
    return r < 0 ? error_set(err, r, "listening at %s: %s", text, strerror(-r)) : 0;
}
