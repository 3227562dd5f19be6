/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of src/virt that need no libvirt; the rest is in test/live. */
#include "test/test.h"

#include "virt/internal.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
    CHECK(HAS_MARKER("-fw_cfg\0name=opt/berth/instance,string=0f-1/a/3/77/node1\0"));
}

TEST(only_a_scope_that_libvirt_made_for_a_vm_is_one)
{
    CHECK(
        virt_process_is_in_scope("/machine.slice/machine-qemu\\x2d1\\x2dt.scope/libvirt/emulator"));
    CHECK(virt_process_is_in_scope("/gold.slice/gold-east.slice/machine-qemu\\x2d1\\x2dt.scope\n"));
    CHECK(virt_process_is_in_scope("/machine/east.partition/qemu-1-t.libvirt-qemu/emulator"));
    CHECK(!virt_process_is_in_scope("/user.slice/user-1000.slice/machine-qemu\\x2d1\\x2dt.scope"));
    CHECK(!virt_process_is_in_scope("/system.slice/cron.service/machine-qemu\\x2d1\\x2dt.scope"));
    CHECK(!virt_process_is_in_scope("/machine.slice/machine-web.scope/a.libvirt-qemu"));
    CHECK(!virt_process_is_in_scope("/machine.slice/libvirt-qemu"));
    CHECK(!virt_process_is_in_scope("/machine.slice"));
    CHECK(!virt_process_is_in_scope("/"));
    CHECK(!virt_process_is_in_scope(""));
}

/* ---- processes that say of themselves that they are a QEMU of ours ---- */

#define NOBODY 65534

static char directory[] = "/tmp/berth-unit-virt-XXXXXX";
static char notes[64];

static void remove_directory(void)
{
    pid_t child = fork();
    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, NULL, 0);
}

static void copy_ourselves_to(const char *name)
{
    char path[64], bytes[65536];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    REQUIRE(in >= 0 && out >= 0);
    for (ssize_t size; (size = read(in, bytes, sizeof(bytes))) > 0;) {
        REQUIRE(write(out, bytes, (size_t)size) == size);
    }
    (void)close(in);
    (void)close(out);
}

static void need_directory(void)
{
    if (!notes[0]) {
        REQUIRE(mkdtemp(directory) && chmod(directory, 0755) == 0);
        (void)atexit(remove_directory);
        (void)snprintf(notes, sizeof(notes), "%s/notes", directory);
        copy_ourselves_to("qemu-pretender");
        copy_ourselves_to("sudo-pretender");
    }
}

static void *stay(void *unused)
{
    (void)unused;
    for (;;) {
        (void)pause();
    }
    return NULL;
}

/* A process whose first thread has ended and another has not shows no command line: so does one
 * that is held up in the kernel while it ends. */
static _Noreturn void end_by_half(void)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, stay, NULL);
    (void)syscall(SYS_exit, 0);
    _exit(1);
}

/* Claims so many bytes of nothing as its arguments. */
static void stretch_arguments(size_t size)
{
    unsigned long long fields[60] = {0};
    char text[4096];
    FILE *file = fopen("/proc/self/stat", "re");
    char *nothing = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    int field = 3;
    for (char *rest = strrchr(text, ')') + 2, *word; field < 60 && (word = strsep(&rest, " "));) {
        fields[field++] = strtoull(word, NULL, 0);
    }
    struct prctl_mm_map map = {
        .start_code = fields[26],
        .end_code = fields[27],
        .start_stack = fields[28],
        .start_data = fields[45],
        .end_data = fields[46],
        .start_brk = fields[47],
        .brk = (uintptr_t)sbrk(0),
        .env_start = fields[50],
        .env_end = fields[51],
        .arg_start = (uintptr_t)nothing,
        .arg_end = (uintptr_t)nothing + size,
        .exe_fd = (unsigned)-1,
    };
    if (nothing == MAP_FAILED || prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) < 0) {
        _exit(3);
    }
}

/* This very program, run under another name: it waits, or does what it was told. */
__attribute__((constructor)) static void pretend(void)
{
    const char *role = getenv("BERTH_PRETENDER");
    if (role) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (strcmp(role, "stretched") == 0) {
            stretch_arguments((size_t)1 << 30);
        }
        (void)!write(3, "!", 1);
        char byte;
        if (read(0, &byte, 1) == 1 && strcmp(role, "ending") == 0) {
            end_by_half();
        }
        (void)pause();
    }
}

static const char *pretended_cluster = ""; /* in its marker: "0e/" */

struct pretender {
    pid_t pid;
    int input;
};

/* Returns when it is what it pretends to be. */
static struct pretender pretender(const char *program, const char *node, const char *role,
                                  uid_t user)
{
    char argument[100], path[64], byte;
    int input[2], ready[2];
    need_directory();
    REQUIRE(pipe2(input, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
    (void)snprintf(argument, sizeof(argument), "name=opt/berth/instance,string=%sa/3/77/%s",
                   pretended_cluster, node);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, program);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(input[0], 0);
        (void)dup2(ready[1], 3);
        (void)setenv("BERTH_PRETENDER", role, 1);
        if (user == geteuid() || setresuid(user, user, user) == 0) {
            (void)execl(path, path, "-fw_cfg", argument, (char *)NULL);
        }
        _exit(127);
    }
    (void)close(ready[1]);
    REQUIRE(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    (void)close(input[0]);
    return (struct pretender){child, input[1]};
}

static void end(struct pretender *pretender)
{
    (void)kill(pretender->pid, SIGKILL);
    (void)waitpid(pretender->pid, NULL, 0);
    (void)close(pretender->input);
}

/* How many of 'node' a scan finds; the last of them in '*ret' (its pidfd is closed). */
static size_t found_of(const char *node, const char *notes_path, struct process *ret)
{
    processes_t found = {0};
    struct error err;
    struct process_search search = {.proc = "/proc", .cluster = "", .notes = notes_path};
    size_t len = 0;
    if (virt_process_scan(&search, &found, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
    }
    VEC_EACH(&found, each) {
        if (strcmp(each->marker.node, node) == 0) {
            *ret = *each;
            len++;
        }
    }
    virt_processes_done(&found);
    return len;
}

TEST(a_qemu_is_found_held_and_killed)
{
    processes_t found = {0};
    struct error err;
    struct pretender ours = pretender("qemu-pretender", "unit-held", "idle", geteuid());
    struct process_search search = {.proc = "/proc", .cluster = "", .notes = ""};
    REQUIRE(virt_process_scan(&search, &found, &err) == 0 && found.len > 0);
    const struct process *process = NULL;
    VEC_EACH(&found, each) {
        process = each->pid == ours.pid ? each : process;
    }
    REQUIRE(process);
    CHECK_STR(process->marker.vm, "a");
    CHECK_STR(process->marker.node, "unit-held");
    CHECK(!virt_process_has_ended(process->pidfd));
    CHECK_INT(virt_process_kill(process->pidfd), 0);
    CHECK_INT(waitpid(ours.pid, NULL, 0), ours.pid);
    CHECK(virt_process_has_ended(process->pidfd));
    CHECK_INT(virt_process_kill(process->pidfd), 0); /* anyone who has that number now is safe */
    struct process none;
    CHECK_INT(found_of("unit-held", "", &none), 0);
    (void)close(ours.input);
    virt_processes_done(&found);
}

/* Where cgroup v2 is: alone, as systemd mounts it now, or beside v1. */
static const char *cgroups_here(void)
{
    bool is_alone = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0;
    return is_alone ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

static bool write_number(const char *path, int number)
{
    FILE *file = fopen(path, "we");
    bool is_written = file && fprintf(file, "%d", number) > 0;
    return file && fclose(file) == 0 && is_written;
}

TEST(the_whole_scope_of_a_vm_can_be_ended)
{
    char scope[256], path[300];
    (void)snprintf(scope, sizeof(scope), "%s/machine-qemu\\x2d9\\x2dunit.scope", cgroups_here());
    (void)rmdir(scope);
    (void)snprintf(path, sizeof(path), "%s/cgroup.kill", scope);
    if (mkdir(scope, 0755) < 0 || access(path, W_OK) < 0) {
        (void)rmdir(scope);
        test_skip("no cgroup v2 to make a scope in");
    }
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", scope);
    struct pretender ours = pretender("qemu-pretender", "unit-scope", "idle", geteuid());
    struct pretender helper = pretender("sudo-pretender", "unit-helper", "idle", geteuid());
    CHECK(write_number(path, ours.pid));
    CHECK(write_number(path, helper.pid));
    processes_t found = {0};
    struct process_search search = {
        .proc = "/proc", .cgroup = cgroups_here(), .cluster = "", .notes = ""};
    REQUIRE(virt_process_scan(&search, &found, NULL) == 0);
    int scope_fd = -1;
    VEC_EACH(&found, each) {
        scope_fd = each->pid == ours.pid ? each->scope_fd : scope_fd;
    }
    REQUIRE(scope_fd >= 0);
    CHECK_INT(write(scope_fd, "1", 1), 1);
    CHECK_INT(waitpid(ours.pid, NULL, 0), ours.pid);
    CHECK_INT(waitpid(helper.pid, NULL, 0), helper.pid);
    virt_processes_done(&found);
    (void)close(ours.input);
    (void)close(helper.input);
    CHECK_INT(rmdir(scope), 0);
}

TEST(a_vm_of_another_cluster_is_reported_but_not_held)
{
    pretended_cluster = "0e/";
    struct pretender other = pretender("qemu-pretender", "unit-foreign", "idle", geteuid());
    pretended_cluster = "";
    need_directory();
    struct process_search search = {.proc = "/proc", .cluster = "0f", .notes = directory};
    processes_t found = {0};
    const struct process *process = NULL;
    REQUIRE(virt_process_scan(&search, &found, NULL) == 0);
    VEC_EACH(&found, each) {
        process = each->pid == other.pid ? each : process;
    }
    REQUIRE(process);
    CHECK(process->is_foreign);
    CHECK_INT(process->pidfd, -1); /* so nothing can end it */
    CHECK_STR(process->marker.cluster, "0e");
    char note[100];
    (void)snprintf(note, sizeof(note), "%s/%d", directory, (int)other.pid);
    CHECK(access(note, F_OK) < 0);
    virt_processes_done(&found);
    end(&other);
}

TEST(a_vm_without_a_cluster_in_its_marker_is_everybodys)
{
    struct pretender other = pretender("qemu-pretender", "unit-other", "idle", geteuid());
    processes_t found = {0};
    struct process_search search = {.proc = "/proc", .cluster = "0f", .notes = ""};
    struct process process;
    CHECK_INT(found_of("unit-other", "", &process), 1); /* no cluster in its marker: anybody's */
    REQUIRE(virt_process_scan(&search, &found, NULL) == 0);
    size_t len = found.len;
    virt_processes_done(&found);
    end(&other);
    REQUIRE(virt_process_scan(&search, &found, NULL) == 0);
    CHECK_INT(found.len, len - 1);
    virt_processes_done(&found);
}

TEST(a_process_of_a_user_who_does_not_run_qemu_is_no_vm_whatever_it_says_of_itself)
{
    struct process none;
    if (geteuid() != 0) {
        test_skip("only root can run a process as another user");
    }
    struct pretender impostor = pretender("qemu-pretender", "unit-nobody", "idle", NOBODY);
    CHECK_INT(found_of("unit-nobody", "", &none), 0);
    end(&impostor);
}

TEST(a_program_that_is_no_qemu_is_no_vm_although_root_runs_it)
{
    struct process none;
    struct pretender impostor = pretender("sudo-pretender", "unit-sudo", "idle", geteuid());
    CHECK_INT(found_of("unit-sudo", "", &none), 0);
    end(&impostor);
}

TEST(of_a_command_line_without_end_only_its_beginning_is_read)
{
    struct process none;
    struct rusage before, after;
    struct pretender giant = pretender("qemu-pretender", "unit-giant", "stretched", geteuid());
    REQUIRE(getrusage(RUSAGE_SELF, &before) == 0);
    CHECK_INT(found_of("unit-giant", "", &none), 0);
    REQUIRE(getrusage(RUSAGE_SELF, &after) == 0);
    CHECK(after.ru_maxrss - before.ru_maxrss < 16L * 1024);
    end(&giant);
}

TEST(a_qemu_that_is_ending_and_has_no_command_line_any_more_is_known_by_its_note)
{
    char path[64], line[16];
    struct process process;
    struct pretender ours = pretender("qemu-pretender", "unit-ending", "ending", geteuid());
    CHECK_INT(found_of("unit-ending", notes, &process), 1);
    REQUIRE(write(ours.input, "!", 1) == 1);
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)ours.pid);
    for (int tries = 0; tries < 2000; tries++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, line, sizeof(line));
        (void)close(fd);
        if (size == 0) {
            break;
        }
        (void)usleep(5000);
    }
    CHECK_INT(found_of("unit-ending", "", &process), 0);
    REQUIRE(found_of("unit-ending", notes, &process) == 1);
    CHECK_INT(process.pid, ours.pid);
    CHECK_STR(process.marker.vm, "a");
    end(&ours);
    CHECK_INT(found_of("unit-ending", notes, &process), 0);
    (void)snprintf(path, sizeof(path), "%s/%d", notes, (int)ours.pid);
    CHECK(access(path, F_OK) < 0); /* and the note is gone with it */
}

TEST(a_note_does_not_speak_for_the_next_process_of_that_number)
{
    char path[64];
    struct process process;
    struct pretender ours = pretender("qemu-pretender", "unit-number", "idle", geteuid());
    CHECK_INT(found_of("unit-number", notes, &process), 1);
    (void)snprintf(path, sizeof(path), "%s/%d", notes, (int)ours.pid);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    REQUIRE(fd >= 0 && write(fd, "1 b/9/9/unit-note", 17) == 17);
    (void)close(fd);
    CHECK_INT(found_of("unit-note", notes, &process), 0);
    CHECK_INT(found_of("unit-number", notes, &process), 1);
    end(&ours);
}

TEST(what_a_process_takes_is_measured_until_it_has_ended)
{
    uint64_t cpu_ms = 0, memory_mib = 0, began_ms;
    CLEANUP(closep) int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(proc_fd >= 0 && virt_process_measure(proc_fd, getpid(), &began_ms, &memory_mib));
    CHECK(memory_mib > 0 && memory_mib < 1024);
    for (volatile unsigned i = 0; cpu_ms < began_ms + 30 && i < 2000000000; i++) {
        REQUIRE(i % 100000 != 0 || virt_process_measure(proc_fd, getpid(), &cpu_ms, &memory_mib));
    }
    CHECK(cpu_ms >= began_ms + 30); /* the kernel counts ticks of 10 */
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    REQUIRE(child > 0 && waitpid(child, NULL, 0) == child);
    CHECK(!virt_process_measure(proc_fd, child, &cpu_ms, &memory_mib));
}

TEST(a_scan_that_cannot_be_made_says_so_instead_of_finding_nothing)
{
    processes_t found = {0};
    struct error err;
    struct process_search search = {.proc = "/nonexistent", .cluster = "", .notes = ""};
    CHECK(virt_process_scan(&search, &found, &err) < 0);
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
