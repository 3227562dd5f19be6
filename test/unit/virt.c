/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of src/virt that need no libvirt; the rest is in test/live. */
#include "test/test.h"

#include "virt/internal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define LINE "qemu\0-name\0guest=a\0"
#define MARK "-fw_cfg\0name=opt/berth/instance,string=a/3/77/node1\0"

static bool has_marker(const char *line, size_t size)
{
    struct domain_marker marker = {.epoch = 99};
    bool is_there = virt_process_marker(line, size, &marker);
    CHECK(marker.epoch == (is_there ? 3 : 99));
    return is_there;
}
#define HAS_MARKER(line) has_marker(line, sizeof(line) - 1)

TEST(a_marker_counts_only_as_a_whole_argument_behind_its_option)
{
    CHECK(HAS_MARKER(LINE MARK "-msg\0timestamp=on\0"));
    CHECK(HAS_MARKER("-fw_cfg\0name=opt/other,string=b/9/9/n\0" MARK));
    CHECK(!HAS_MARKER(LINE));
    CHECK(!HAS_MARKER(""));
    CHECK(!HAS_MARKER("grep\0name=opt/berth/instance,string=a/3/77/node1\0"));
    CHECK(!HAS_MARKER("-fw_cfg\0name=opt/berth/instance,string=a/3/77/node1")); /* cut off */
    CHECK(!HAS_MARKER("-fw_cfg\0name=opt/berth/instance,string=a/3/77\0"));
}

/* A process that says of itself that it is a QEMU of ours. */
static pid_t pretender(const char *node)
{
    char argument[100];
    (void)snprintf(argument, sizeof(argument), "name=opt/berth/instance,string=a/3/77/%s", node);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("sh", "sh", "-c", "read line", "-fw_cfg", argument, (char *)NULL);
        _exit(127);
    }
    return child;
}

/* Found once the exec has happened, which waits for nothing but the processor. */
static size_t scan(const char *node, size_t want, processes_t *ret)
{
    for (int tries = 0; tries < 2000; tries++) {
        virt_processes_done(ret);
        struct error err;
        if (virt_process_scan("/proc", node, ret, &err) < 0) {
            test_fail(__FILE__, __LINE__, "%s", err.text);
            return 0;
        }
        if (ret->len == want) {
            break;
        }
        (void)usleep(5000);
    }
    return ret->len;
}

TEST(processes_of_this_node_are_found_held_and_killed_and_no_others)
{
    int input[2];
    REQUIRE(pipe2(input, 0) == 0 && dup2(input[0], 0) == 0);
    pid_t ours = pretender("unit-virt-1"), other = pretender("unit-virt-2");
    processes_t found = {0}, others = {0};
    REQUIRE(scan("unit-virt-2", 1, &others) == 1);
    REQUIRE(scan("unit-virt-1", 1, &found) == 1);
    const struct process *process = &found.items[0];
    CHECK_INT(process->pid, ours);
    CHECK_STR(process->marker.vm, "a");
    CHECK(!virt_process_has_ended(process->pidfd));
    CHECK_INT(virt_process_kill(process->pidfd), 0);
    CHECK_INT(waitpid(ours, NULL, 0), ours);
    CHECK(virt_process_has_ended(process->pidfd));
    CHECK_INT(virt_process_kill(process->pidfd), 0); /* whoever has that number now is safe */
    CHECK_INT(scan("unit-virt-1", 0, &found), 0);
    CHECK(kill(other, 0) == 0);
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
    virt_processes_done(&others);
    virt_processes_done(&found);
}

TEST(a_scan_that_cannot_be_made_says_so_instead_of_finding_nothing)
{
    processes_t found = {0};
    struct error err;
    CHECK(virt_process_scan("/nonexistent", "n", &found, &err) < 0);
    CHECK_HAS(err.text, "/nonexistent");
}

TEST(the_device_that_an_error_names_is_the_culprit_and_no_other)
{
    struct domain_device devices[] = {
        {.slot = {{0, 0x65, 0, 0}, ""}, .companions = {{0, 0x65, 0, 1}}, .companion_len = 1},
        {.slot = {{0, 0x66, 0, 0}, "0000:66:00.4"}},
        {.slot = {{0, 0x67, 0, 0}, "11111111-1111-4111-8111-111111111111"}},
    };
    size_t len = ARRAY_LEN(devices);
    CHECK(virt_culprit("PCI device 0000:65:00.0 is in use by driver QEMU", devices, len) ==
          &devices[0].slot);
    CHECK(virt_culprit("vfio 0000:65:00.1: group 3 is not viable", devices, len) ==
          &devices[0].slot);
    CHECK(virt_culprit("vfio 0000:66:00.4: no reset", devices, len) == &devices[1].slot);
    CHECK(virt_culprit("mdev 11111111-1111-4111-8111-111111111111 not found", devices, len) ==
          &devices[2].slot);
    CHECK(virt_culprit("vfio 0000:68:00.0: no reset", devices, len) == NULL);
    CHECK(virt_culprit("10000:65:00.0 and 0000:65:00.01", devices, len) == NULL);
    CHECK(virt_culprit("", devices, len) == NULL);
}
