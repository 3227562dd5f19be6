/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/http.h"

#include "base/parse.h"

#include <errno.h>
#include <grp.h>
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
    /* Nobody may connect before set_access() has said who may. */
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
