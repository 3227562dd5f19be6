/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's own uevents, multicast group 1 of NETLINK_KOBJECT_UEVENT. Not udev's, which come
 * only where udevd runs and only after its rules: the inventory is read from sysfs anyway, and that
 * is up to date as soon as the kernel speaks.
 */
#include "host/internal.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

enum { uevent_size_max = 8192 };

int uevent_open(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    CLEANUP(closep)
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return -errno;
    }
    int opened = fd;
    fd = -1;
    return opened;
}

bool uevent_matters(const char *message, size_t size)
{
    static const char *const subsystems[] = {"pci", "drm",   "mdev",   "vfio",     "graphics",
                                             "net", "block", "module", "vtconsole"};
    static const char key[] = "SUBSYSTEM=";
    const char *end = message + size;
    for (const char *text = message; text < end;) {
        size_t len = strnlen(text, (size_t)(end - text));
        if (len == (size_t)(end - text)) {
            return false; /* no NUL: not whole */
        }
        if (strncmp(text, key, strlen(key)) == 0) {
            for (size_t i = 0; i < ARRAY_LEN(subsystems); i++) {
                if (strcmp(text + strlen(key), subsystems[i]) == 0) {
                    return true;
                }
            }
            return false;
        }
        text += len + 1;
    }
    return false;
}

bool uevent_drain(int fd)
{
    bool matters = false;
    for (;;) {
        char message[uevent_size_max];
        struct sockaddr_nl sender = {0};
        socklen_t sender_size = sizeof(sender);
        ssize_t size =
            recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&sender, &sender_size);
        if (size < 0 && errno == ENOBUFS) {
            matters = true; /* some were lost */
        } else if (size < 0 && errno != EINTR) {
            return matters;
        } else if (size > 0 && sender.nl_pid == 0) {
            matters = matters || uevent_matters(message, (size_t)size); /* from the kernel only */
        }
    }
}
