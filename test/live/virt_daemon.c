/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/virt on a real libvirtd of its own, which is killed, stopped and started again under running
 * VMs. It runs in a mount namespace, where its fixed directories are ones below 'root'; only its
 * socket is seen from outside.
 */
#include "test/live/virt_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { limit_ms = 60000 };

static char root[] = "/tmp/berth-libvirtd-XXXXXX";
static char uri[96];
static pid_t daemon_pid;

/* ---- the daemon ---- */

static const char *const places[] = {"/run/libvirt", "/var/lib/libvirt", "/var/cache/libvirt",
                                     "/var/log/libvirt", "/etc/libvirt"};

/* In the child: a private view of what libvirtd writes to. */
static bool move_in(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char own[128];
        (void)snprintf(own, sizeof(own), "%s/%zu", root, i);
        (void)mkdir(places[i], 0755);
        if (mount(own, places[i], NULL, MS_BIND, NULL) < 0) {
            return false;
        }
    }
    return true;
}

static _Noreturn void be_daemon(void)
{
    char conf[64], pid[64], log[64];
    (void)snprintf(conf, sizeof(conf), "%s/libvirtd.conf", root);
    (void)snprintf(pid, sizeof(pid), "%s/pid", root);
    (void)snprintf(log, sizeof(log), "%s/log", root);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
        _exit(1);
    }
    if (!move_in()) {
        perror("a mount namespace");
        _exit(1);
    }
    (void)execlp("libvirtd", "libvirtd", "-f", conf, "-p", pid, (char *)NULL);
    _exit(127);
}

static void run_daemon(void)
{
    fflush(stdout);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        be_daemon();
    }
}

static void kill_daemon(void)
{
    if (daemon_pid > 0) {
        (void)kill(daemon_pid, SIGKILL);
        (void)waitpid(daemon_pid, NULL, 0);
        daemon_pid = 0;
    }
}

static void clean_up(void)
{
    kill_daemon();
    end_all_qemus();
    remove_tree(root);
}

/* While the file 'slow' is there, libvirt takes its time over a domain that has ended. */
static bool make_hook(void)
{
    char text[256], path[64];
    (void)snprintf(path, sizeof(path), "%s/4/hooks", root);
    if (mkdir(path, 0755) < 0) {
        return false;
    }
    int size = snprintf(text, sizeof(text),
                        "#!/bin/sh\n[ \"$2\" = release ] && [ -e %s/slow ] || exit 0\n"
                        "touch %s/releasing\nsleep 2\n",
                        root, root);
    write_file(root, "4/hooks/qemu", text, (size_t)size);
    (void)snprintf(path, sizeof(path), "%s/4/hooks/qemu", root);
    return chmod(path, 0755) == 0;
}

static bool make_root(void)
{
    char text[256], path[64];
    (void)this_cluster();
    if (!mkdtemp(root) || atexit(clean_up) != 0) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        (void)snprintf(path, sizeof(path), "%s/%zu", root, i);
        if (mkdir(path, 0755) < 0) {
            return false;
        }
    }
    int size = snprintf(text, sizeof(text),
                        "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n"
                        "unix_sock_dir = \"%s\"\nunix_sock_rw_perms = \"0700\"\n",
                        root);
    write_file(root, "libvirtd.conf", text, (size_t)size);
    write_file(root, "4/qemu.conf", qemu_conf, strlen(qemu_conf));
    if (!make_hook()) {
        return false;
    }
    (void)snprintf(uri, sizeof(uri), "qemu:///system?socket=%s/libvirt-sock", root);
    return true;
}

static bool can_have_namespace(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
                  ? 0
                  : 1);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

/* A running daemon and a connection to it; the daemon is the last test's if that still runs. */
static void need_daemon(struct loop *loop)
{
    *loop = (struct loop){0};
    if (access("/usr/sbin/libvirtd", X_OK) < 0 || access("/usr/bin/qemu-system-x86_64", X_OK) < 0) {
        test_skip("libvirtd or qemu-system-x86 is not installed");
    }
    if (!can_have_namespace()) {
        test_skip("a mount namespace, which only root may make, is refused");
    }
    REQUIRE(uri[0] || make_root());
    if (daemon_pid == 0) {
        run_daemon();
    }
    REQUIRE(loop_begin(loop, uri));
    REQUIRE(await(loop, TOLD_LISTED, "", 0, limit_ms));
}

static bool run_up(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch)
{
    start(loop, id, qemu_xml, vm, epoch, limit_ms);
    const struct line *done = await(loop, TOLD_DONE, "", id, limit_ms);
    CHECK_OUTCOME(done, VIRT_DONE);
    return done && done->result.outcome == VIRT_DONE;
}

static void end_all(struct loop *loop, uint64_t id)
{
    kill_all(loop, id);
    CHECK_OUTCOME(await(loop, TOLD_DONE, "", id, limit_ms), VIRT_DONE);
}

/* ---- tests ---- */

TEST(vms_outlive_a_libvirtd_that_is_killed_and_are_listed_again)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_up(&loop, 1, "a", 1) && run_up(&loop, 2, "b", 1));
    pid_t qemu = qemu_of("a", 1);
    size_t mark = loop.lines.len;
    kill_daemon();
    REQUIRE(await_from(&loop, mark, TOLD_DOWN, "", 0, limit_ms));
    start(&loop, 3, qemu_xml, "c", 1, limit_ms); /* waits for libvirt */
    CHECK(kill(qemu_of("b", 1), SIGKILL) == 0);  /* and the kernel tells of this one */
    const struct line *gone = await(&loop, TOLD_GONE, "b", 1, limit_ms);
    CHECK(gone && !gone->is_asked);
    run_daemon();
    CHECK(await_from(&loop, mark, TOLD_UP, "", 0, limit_ms));
    CHECK(await_from(&loop, mark, TOLD_LISTED, "", 0, limit_ms));
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK(!find_line(&loop, 0, TOLD_GONE, "a", 1));
    CHECK_INT(qemu_of("a", 1), qemu);
    stop(&loop, 4, "a", 1, OFFLINE_TURN_OFF, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_DONE);
    CHECK_INT(qemu_of("a", 1), 0);
    end_all(&loop, 5);
}

TEST(without_libvirt_running_vms_are_known_and_can_be_killed)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_up(&loop, 1, "a", 5));
    kill_daemon();
    CLEANUP_LOOP second; /* a berthd that starts while libvirt is down */
    REQUIRE(loop_begin(&second, uri));
    const struct line *told = await(&second, TOLD_INSTANCE, "a", 5, limit_ms);
    CHECK(told && told->state == VM_STATE_RUNNING);
    CHECK(!find_line(&second, 0, TOLD_LISTED, "", 0));
    msec_t before = now();
    end_all(&second, 1);
    printf("# killed in %lld ms\n", (long long)(now() - before));
    CHECK(now() - before < 1000); /* what a self-fencing host has for it */
    CHECK_INT(qemu_of("a", 5), 0);
    CHECK(await(&loop, TOLD_GONE, "a", 5, limit_ms));
}

TEST(a_stopped_libvirtd_leaves_starts_unknown_and_never_blocks_the_loop)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_up(&loop, 1, "up", 1));
    loop.longest_ms = 0;
    size_t mark = loop.lines.len;
    REQUIRE(kill(daemon_pid, SIGSTOP) == 0);
    msec_t before = now();
    start(&loop, 2, qemu_xml, "slow", 1, 1500);
    start(&loop, 3,
          "<domain type='qemu'><name>x</name><memory>9999</memory><os>"
          "<type arch='x86_64' machine='nonsense'>hvm</type></os></domain>",
          "bad", 1, 1500);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_UNKNOWN);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_UNKNOWN);
    printf("# unknown after %lld ms, loop busy for %lld ms at most\n", (long long)(now() - before),
           (long long)loop.longest_ms);
    CHECK(now() - before >= 1500 && now() - before < 3000);
    before = now();
    kill_one(&loop, 4, "up", 1); /* needs no libvirt */
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_DONE);
    CHECK(now() - before < 1000);
    CHECK(await_from(&loop, mark, TOLD_DOWN, "", 0,
                     limit_ms)); /* it was noticed that libvirt hangs */
    CHECK(loop.longest_ms < 100);
    mark = loop.lines.len;
    REQUIRE(kill(daemon_pid, SIGCONT) == 0);
    CHECK(await_from(&loop, mark, TOLD_UP, "", 0, limit_ms));
    const struct line *told = await(&loop, TOLD_INSTANCE, "slow", 1, limit_ms);
    CHECK(told && told->state == VM_STATE_RUNNING); /* it came up late */
    const struct line *gone = await(&loop, TOLD_GONE, "bad", 1, limit_ms);
    CHECK_HAS(gone ? gone->text : NULL,
              "libvirt refused the start: "); /* and this one never: libvirt's sentence */
    end_all(&loop, 5);
}

TEST(a_libvirtd_that_hangs_while_nothing_is_asked_of_it_is_noticed_before_the_next_listing)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(await(&loop, TOLD_LISTED, "", 0, limit_ms));
    size_t mark = loop.lines.len;
    msec_t before = now();
    REQUIRE(kill(daemon_pid, SIGSTOP) == 0);
    CHECK(await_from(&loop, mark, TOLD_DOWN, "", 0, limit_ms));
    CHECK(now() - before < 25000); /* asked after 5 s, 10 s to answer; listed every 30 s */
    REQUIRE(kill(daemon_pid, SIGCONT) == 0);
    CHECK(await_from(&loop, mark, TOLD_UP, "", 0, limit_ms));
}

TEST(kill_all_is_not_done_while_a_stopped_libvirtd_may_still_start_a_vm)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_up(&loop, 1, "up", 1));
    REQUIRE(kill(daemon_pid, SIGSTOP) == 0);
    start(&loop, 2, qemu_xml, "late", 1, 300);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_UNKNOWN);
    kill_all(&loop, 3);
    CHECK(await(&loop, TOLD_GONE, "up", 1, limit_ms)); /* what runs is killed at once */
    msec_t until = now() + 500;
    while (now() < until) {
        turn(&loop, 50);
    }
    CHECK(!find_line(&loop, 0, TOLD_DONE, "", 3));
    REQUIRE(kill(daemon_pid, SIGCONT) == 0);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK_INT(qemu_of("late", 1), 0);
    CHECK(await(&loop, TOLD_GONE, "late", 1, limit_ms));
}

/* Killed when libvirt has the start, and when QEMU is there: what is said afterwards is true. */
TEST(a_start_whose_libvirtd_dies_ends_as_what_is_found_afterwards)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    for (uint64_t epoch = 1; epoch < 4; epoch++) {
        start(&loop, epoch, qemu_xml, "a", epoch, limit_ms);
        if (epoch > 1) {
            CHECK(await_qemu(&loop, "a", epoch, limit_ms));
        } else {
            turn(&loop, 50);
        }
        kill_daemon();
        run_daemon();
        const struct line *done = await(&loop, TOLD_DONE, "", epoch, limit_ms);
        REQUIRE(done);
        printf("# %s: %s\n", virt_outcome_name(done->result.outcome), done->text);
        CHECK((done->result.outcome == VIRT_DONE) == (qemu_of("a", epoch) != 0));
        CHECK(done->result.outcome != VIRT_UNKNOWN);
        end_all(&loop, 10 + epoch);
        virt_reopen(loop.virt);
    }
}

/* ---- a name that is not free ---- */

/* A domain that is not ours. */
static bool run_stranger(const char *name)
{
    char xml[1024];
    const char *end = strstr(qemu_xml, "<memory");
    (void)snprintf(xml, sizeof(xml), "<domain type='qemu'><name>%s</name>%s", name, end);
    virConnectPtr conn = virConnectOpen(uri);
    virDomainPtr domain = conn ? virDomainCreateXML(conn, xml, 0) : NULL;
    bool is_up = domain != NULL;
    if (domain) {
        (void)virDomainFree(domain);
    }
    if (conn) {
        (void)virConnectClose(conn);
    }
    return is_up;
}

static pid_t pid_of_stranger(const char *name)
{
    char path[128];
    long pid = 0;
    (void)snprintf(path, sizeof(path), "%s/0/qemu/%s.pid", root, name);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%ld", &pid) != 1) {
            pid = 0;
        }
        (void)fclose(file);
    }
    return (pid_t)pid;
}

static bool is_there(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    return access(path, F_OK) == 0;
}

/* libvirt refuses a domain of a name that it has not forgotten, even if that one has ended. */
TEST(a_start_waits_until_libvirt_has_forgotten_an_ended_domain_of_that_name)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_stranger("again"));
    pid_t pid = pid_of_stranger("again");
    REQUIRE(pid > 0);
    write_file(root, "slow", "", 0);
    REQUIRE(kill(pid, SIGKILL) == 0);
    msec_t until = now() + limit_ms;
    while (!is_there("releasing") && now() < until) {
        turn(&loop, 20);
    }
    REQUIRE(is_there("releasing"));
    msec_t before = now();
    loop.longest_ms = 0;
    CHECK(run_up(&loop, 1, "again", 1));
    printf("# up after %lld ms, loop busy for %lld ms at most\n", (long long)(now() - before),
           (long long)loop.longest_ms);
    CHECK(loop.longest_ms < 500);
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/slow", root);
    CHECK(unlink(path) == 0);
    end_all(&loop, 2);
}

TEST(a_start_fails_at_once_if_another_domain_of_that_name_runs)
{
    CLEANUP_LOOP loop;
    need_daemon(&loop);
    REQUIRE(run_stranger("taken"));
    msec_t before = now();
    start(&loop, 1, qemu_xml, "taken", 1, limit_ms);
    const struct line *done = await(&loop, TOLD_DONE, "", 1, limit_ms);
    CHECK_OUTCOME(done, VIRT_FAILED);
    CHECK_HAS(done ? done->text : NULL, "libvirt refused the start: ");
    CHECK(now() - before < 10000);
    REQUIRE(kill(pid_of_stranger("taken"), SIGKILL) == 0);
}
