/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/virt on real QEMU (TCG), by libvirt's driver inside this process (qemu:///embed): the VMs are
 * processes of this host, and ending them can be watched from outside.
 */
#include "test/live/virt_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { limit_ms = 60000 };

static char root[] = "/tmp/berth-embed-XXXXXX";
static char uri[64];

static void clean_up(void)
{
    end_all_qemus();
    remove_tree(root);
}

/* A driver's own directory, and its log in it: it warns of each VM. */
static bool make_root(void)
{
    if (uri[0]) {
        return true;
    }
    (void)this_cluster(); /* before there are children */
    char etc[64], log[64];
    if (!mkdtemp(root)) {
        return false;
    }
    (void)snprintf(etc, sizeof(etc), "%s/etc", root);
    if (mkdir(etc, 0755) < 0) {
        return false;
    }
    (void)snprintf(log, sizeof(log), "3:file:%s/libvirt.log", root);
    (void)setenv("LIBVIRT_LOG_OUTPUTS", log, 0);
    write_file(root, "etc/qemu.conf", qemu_conf, strlen(qemu_conf));
    (void)snprintf(uri, sizeof(uri), "qemu:///embed?root=%s", root);
    return atexit(clean_up) == 0;
}

static void need_qemu(void)
{
    if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0) {
        test_skip("qemu-system-x86 is not installed");
    }
    if (geteuid() != 0) {
        test_skip("QEMU's driver writes what only root may");
    }
    REQUIRE(make_root());
}

static bool begin(struct loop *loop)
{
    return loop_begin(loop, uri) && await(loop, TOLD_LISTED, "", 0, limit_ms);
}

static bool run_up(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch)
{
    start(loop, id, qemu_xml, vm, epoch, limit_ms);
    const struct line *done = await(loop, TOLD_DONE, "", id, limit_ms);
    CHECK_OUTCOME(done, VIRT_DONE);
    return done && done->result.outcome == VIRT_DONE;
}

/* First in this file: the child must not inherit a libvirt that is in use. */
TEST(a_vm_of_a_daemon_that_died_is_adopted_by_the_next_one)
{
    need_qemu();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct loop first;
        if (begin(&first) && run_up(&first, 1, "a", 3)) {
            (void)kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    pid_t qemu = qemu_of("a", 3);
    REQUIRE(qemu > 0);
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    const struct line *told = find_line(&loop, 0, TOLD_INSTANCE, "a", 3);
    REQUIRE(told);
    CHECK_INT(told->state, VM_STATE_RUNNING);
    CHECK_INT(qemu_of("a", 3), qemu); /* untouched */
    stop(&loop, 1, "a", 3, OFFLINE_TURN_OFF, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 1, limit_ms), VIRT_DONE);
    CHECK(kill(qemu, 0) < 0 && errno == ESRCH);
}

/* How long from the order until it is reported that nothing of it is left. */
static msec_t time_of_kill(struct loop *loop, uint64_t id, uint64_t epoch)
{
    pid_t qemu = qemu_of("a", epoch);
    CHECK(qemu > 0);
    msec_t before = now();
    kill_one(loop, id, "a", epoch);
    CHECK_OUTCOME(await(loop, TOLD_DONE, "", id, limit_ms), VIRT_DONE);
    msec_t span = now() - before;
    CHECK_INT(qemu_of("a", epoch), 0);
    const struct line *gone = find_line(loop, 0, TOLD_GONE, "a", epoch);
    CHECK(gone && gone->is_asked);
    printf("# killed in %lld ms\n", (long long)span);
    return span;
}

/* The best of three: a busy machine may stall one. Each starts although libvirt may still have the
 * one before. */
TEST(a_killed_vm_is_gone_within_200_ms_and_its_next_epoch_starts)
{
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    msec_t best = MSEC_NEVER;
    for (uint64_t epoch = 1; epoch < 4 && best >= 200; epoch++) {
        REQUIRE(run_up(&loop, epoch * 10, "a", epoch));
        best = MIN(best, time_of_kill(&loop, epoch * 10 + 1, epoch));
    }
    CHECK(best < 200);
    CHECK(run_up(&loop, 1, "a", 9));
    kill_all(&loop, 2);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_DONE);
}

/* Closes the door on the start 'id' of "late", which is as far as the caller brought it. */
static void close_door_on(struct loop *loop, uint64_t id, uint64_t epoch)
{
    kill_all(loop, id + 1);
    CHECK_OUTCOME(await(loop, TOLD_DONE, "", id + 1, limit_ms), VIRT_DONE);
    CHECK_INT(qemu_of("late", epoch), 0);
    CHECK_OUTCOME(find_line(loop, 0, TOLD_DONE, "", id), VIRT_FAILED);
    CHECK(!find_line(loop, 0, TOLD_INSTANCE, "late", epoch) ||
          find_line(loop, 0, TOLD_GONE, "late", epoch));
    virt_reopen(loop->virt);
}

TEST(kill_all_ends_a_start_under_way_and_reports_it_failed)
{
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop) && run_up(&loop, 1, "up", 1));
    start(&loop, 10, qemu_xml, "late", 1, limit_ms); /* libvirt does not have it yet */
    close_door_on(&loop, 10, 1);
    CHECK(find_line(&loop, 0, TOLD_GONE, "up", 1) != NULL);
    CHECK_INT(qemu_of("up", 1), 0);
    for (uint64_t epoch = 2; epoch < 5; epoch++) {
        uint64_t id = epoch * 10;
        msec_t before = now();
        start(&loop, id, qemu_xml, "late", epoch, limit_ms);
        CHECK(await_qemu(&loop, "late", epoch, limit_ms)); /* libvirt has, and QEMU is there */
        /* It waited for libvirt to forget the epoch before, which was killed in its start, too. */
        CHECK(now() - before < 15000);
        if (find_line(&loop, 0, TOLD_DONE, "", id)) {
            continue; /* too late for this one */
        }
        close_door_on(&loop, id, epoch);
        CHECK_STR(find_line(&loop, 0, TOLD_DONE, "", id)->text, "it was killed before it was up");
    }
}

/* As where a card does not answer: QEMU is there, and never comes up. A turn-off cannot wait for
 * libvirt, which waits for QEMU. */
TEST(a_start_that_hangs_in_qemu_is_unknown_at_its_limit_and_undone_by_a_turn_off)
{
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    bool has_hung = false;
    for (uint64_t epoch = 1; epoch < 6 && !has_hung; epoch++) {
        uint64_t id = epoch * 10;
        start(&loop, id, qemu_xml, "hung", epoch, 5000);
        REQUIRE(await_qemu(&loop, "hung", epoch, limit_ms));
        pid_t qemu = qemu_of("hung", epoch);
        REQUIRE(qemu > 0 && kill(qemu, SIGSTOP) == 0);
        const struct line *done = await(&loop, TOLD_DONE, "", id, limit_ms);
        has_hung = done && done->result.outcome == VIRT_UNKNOWN;
        stop(&loop, id + 1, "hung", epoch, OFFLINE_TURN_OFF, 2000);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", id + 1, limit_ms), VIRT_DONE);
        CHECK_INT(qemu_of("hung", epoch), 0);
    }
    CHECK(has_hung); /* else it was up before it was held, each time */
}

TEST(a_guest_that_ignores_the_power_button_fails_its_shutdown_and_is_forced_at_the_limit)
{
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop) && run_up(&loop, 1, "deaf", 1));
    stop(&loop, 2, "deaf", 1, OFFLINE_SHUTDOWN, 1000);
    const struct line *refused = await(&loop, TOLD_DONE, "", 2, limit_ms);
    CHECK_OUTCOME(refused, VIRT_FAILED);
    CHECK_HAS(refused ? refused->text : "", "did not shut down within 1 s");
    CHECK(qemu_of("deaf", 1) > 0);
    msec_t before = now();
    stop(&loop, 3, "deaf", 1, OFFLINE_FORCE_SHUTDOWN, 1000);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK(now() - before >= 1000);
    CHECK_INT(qemu_of("deaf", 1), 0);
    const struct line *gone = find_line(&loop, 0, TOLD_GONE, "deaf", 1);
    CHECK(gone && gone->is_asked);
}

/* mov dx,0x604; mov ax,0x2000; out dx,ax: the PIIX4 of a guest that powers itself off. */
static const char power_off_xml[] =
    "<domain type='qemu'><name>x</name><memory unit='MiB'>16</memory><os>"
    "<type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
    "<on_poweroff>preserve</on_poweroff><devices><disk type='file' device='disk'>"
    "<driver name='qemu' type='raw'/><source file='%s/off.img'/><target dev='hda' bus='ide'/>"
    "</disk><controller type='usb' model='none'/></devices></domain>";

TEST(a_guest_that_powers_itself_off_is_gone_unasked_although_its_template_would_keep_it)
{
    need_qemu();
    char image[512] = {(char)0xba, 0x04, 0x06, (char)0xb8, 0x00, 0x20, (char)0xef, (char)0xf4};
    image[510] = 0x55;
    image[511] = (char)0xaa;
    write_file(root, "off.img", image, sizeof(image));
    char xml[1024];
    (void)snprintf(xml, sizeof(xml), power_off_xml, root);
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1, xml, "brief", 1, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 1, limit_ms), VIRT_DONE);
    const struct line *gone = await(&loop, TOLD_GONE, "brief", 1, limit_ms);
    REQUIRE(gone);
    CHECK(!gone->is_asked);
    CHECK_STR(gone->text, "the guest shut down");
    CHECK_INT(qemu_of("brief", 1), 0);
}

/* QEMU's 40 bits would not be enough ("phys-bits too low"). */
TEST(a_guest_with_an_aperture_of_a_tebibyte_starts_with_a_cpu_of_any_kind)
{
    static const char *const cpus[] = {
        "", "<cpu mode='maximum'/>", "<cpu mode='custom'><model>qemu64</model></cpu>",
        "<cpu mode='maximum'><maxphysaddr mode='emulate' bits='36'/></cpu>"};
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    for (uint64_t i = 0; i < ARRAY_LEN(cpus); i++) {
        char xml[1024], vm[16];
        /* A name of its own: libvirt forgets a killed domain when it gets round to it. */
        (void)snprintf(vm, sizeof(vm), "wide%d", (int)i);
        (void)snprintf(xml, sizeof(xml),
                       "<domain type='qemu'><name>x</name><memory unit='MiB'>32</memory>%s<os>"
                       "<type arch='x86_64' machine='q35'>hvm</type></os><devices><controller "
                       "type='usb' model='none'/><memballoon model='none'/></devices></domain>",
                       cpus[i]);
        start_wide(&loop, 10 + 2 * i, xml, vm, 1, 1024 * 1024, limit_ms);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 10 + 2 * i, limit_ms), VIRT_DONE);
        kill_one(&loop, 11 + 2 * i, vm, 1);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 11 + 2 * i, limit_ms), VIRT_DONE);
    }
}

static bool take_any(void *userdata, const struct domain_hostdev *device)
{
    (void)userdata;
    (void)device;
    return true;
}

/* What Berth would start on a host with cards on two NUMA nodes, with the cards taken out and all
 * memory and CPUs from node 0, as this host may have no other. The caller frees it. */
static char *mirrored_without_cards(const char *xml)
{
    struct domain_device cards[3] = {{.slot = {{0, 0x10, 0, 0}, ""}, .mmio_size = 1 << 28},
                                     {.slot = {{0, 0x20, 0, 0}, ""}, .mmio_size = 1 << 28},
                                     {.slot = {{0, 0x21, 0, 0}, ""}, .mmio_size = 1 << 28}};
    struct domain_compose compose = {
        .xml = xml, .marker = {.vm = "x", .epoch = 1}, .devices = cards, .device_len = 3};
    struct buf full = {0}, bare = {0};
    struct error err = {.text = "none"};
    cards[1].numa_node = cards[2].numa_node = 1;
    for (int32_t i = 0; i < 2; i++) {
        compose.host_nodes[i] =
            (struct numa_node){.id = i, .cpus = 2, .cpu_list = "0", .memory_mib = 1024};
    }
    compose.host_node_len = 2;
    if (domain_xml_compose(&compose, &full, &err) < 0 ||
        domain_xml_strip(buf_str(&full), take_any, NULL, &bare, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s", err.text);
    }
    buf_done(&full);
    char *text = buf_take(&bare);
    char *second = strstr(text, "nodeset=\"1\"");
    CHECK(second != NULL && strstr(text, "pcie-root-port") != NULL);
    if (second) {
        second[strlen("nodeset=\"")] = '0';
    }
    return text;
}

TEST(a_guest_that_mirrors_its_host_is_taken_by_libvirt_and_started_by_qemu)
{
    static const char *const inside[] = {
        "", "<cpu><numa><cell id='0' cpus='0-1' memory='16384'/><cell id='1' cpus='2-3' "
            "memory='49152'/></numa></cpu>"};
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    for (uint64_t i = 0; i < ARRAY_LEN(inside); i++) {
        char xml[1024], vm[16];
        (void)snprintf(vm, sizeof(vm), "mirror%d", (int)i);
        (void)snprintf(xml, sizeof(xml),
                       "<domain type='qemu'><name>x</name><memory unit='MiB'>64</memory>"
                       "<vcpu>4</vcpu>%s<os><type arch='x86_64' machine='q35'>hvm</type></os>"
                       "<devices><controller type='usb' model='none'/>"
                       "<memballoon model='none'/></devices></domain>",
                       inside[i]);
        CLEANUP(freep) char *text = mirrored_without_cards(xml);
        start(&loop, 10 + 2 * i, text, vm, 1, limit_ms);
        const struct line *done = await(&loop, TOLD_DONE, "", 10 + 2 * i, limit_ms);
        CHECK_OUTCOME(done, VIRT_DONE);
        if (done && done->result.outcome != VIRT_DONE) {
            printf("# %s\n%s\n", done->text, text);
        }
        kill_one(&loop, 11 + 2 * i, vm, 1);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 11 + 2 * i, limit_ms), VIRT_DONE);
    }
}

/* 'text' into a file that is there, or its first bytes out of it. */
static bool touch_state(const char *name, bool is_written, const char *text)
{
    char path[192], have[16] = "";
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, is_written ? "r+e" : "re");
    if (!file) {
        printf("# no %s\n", path);
        return false;
    }
    size_t len = is_written ? fwrite(text, 1, strlen(text), file)
                            : fread(have, 1, MIN(strlen(text), sizeof(have) - 1), file);
    (void)fclose(file);
    return len == strlen(text) && (is_written || strcmp(have, text) == 0);
}

/* As another host would have it that shares the folder: its TPM runs, and has the state. */
static pid_t begin_swtpm(const char *uuid)
{
    char state[192], control[192], number[192];
    uint64_t pid = 0;
    int status = -1;
    char text[16] = "";
    (void)snprintf(state, sizeof(state), "dir=%s/lib/swtpm/%s/tpm2", root, uuid);
    (void)snprintf(control, sizeof(control), "type=unixio,path=%s/other.sock", root);
    (void)snprintf(number, sizeof(number), "file=%s/other.pid", root);
    pid_t child = fork();
    if (child == 0) {
        (void)execl("/usr/bin/swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--ctrl",
                    control, "--flags", "startup-clear", "--pid", number, "--daemon", (char *)NULL);
        _exit(127);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    FILE *file = fopen(number + strlen("file="), "re");
    REQUIRE(file && fgets(text, sizeof(text), file));
    (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
    REQUIRE(parse_u64(text, INT32_MAX, &pid));
    return (pid_t)pid;
}

/* A host that is lost tells libvirt nothing, and neither does a kill. What the next start finds is
 * what the one before left, under the VM's name and UUID: both are the same on each host, so that
 * it is found there, too, where the folders are on shared storage. */
TEST(tpm_state_and_uefi_variables_are_there_again_at_the_next_start)
{
    static const char uuid[] = "7c2f9b1e-0d0a-4b6e-9a55-0123456789ab";
    static const char variables[] = "lib/qemu/nvram/win11_VARS.fd";
    char xml[1024], note[128], firmware[4096] = {0};
    need_qemu();
    if (access("/usr/bin/swtpm", X_OK) < 0 || access("/usr/bin/swtpm_setup", X_OK) < 0) {
        test_skip("swtpm and swtpm-tools are not installed");
    }
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    write_file(root, "CODE.fd", firmware, sizeof(firmware));
    write_file(root, "VARS.fd", firmware, sizeof(firmware));
    (void)snprintf(note, sizeof(note), "lib/swtpm/%s/tpm2/of-the-guest", uuid);
    (void)snprintf(
        xml, sizeof(xml),
        "<domain type='qemu'><name>x</name><uuid>%s</uuid><memory unit='MiB'>32</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' "
        "type='pflash'>%s/CODE.fd</loader><nvram template='%s/VARS.fd'/></os><features><acpi/></features><devices>"
        "<controller type='usb' model='none'/><memballoon model='none'/>"
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>"
        "</domain>",
        uuid, root, root);
    for (uint64_t epoch = 1; epoch <= 2; epoch++) {
        start(&loop, 10 * epoch, xml, "win11", epoch, limit_ms);
        const struct line *done = await(&loop, TOLD_DONE, "", 10 * epoch, limit_ms);
        CHECK_OUTCOME(done, VIRT_DONE);
        if (done && done->result.outcome != VIRT_DONE) {
            printf("# %s\n", done->text);
        }
        CHECK(touch_state(variables, epoch == 1, "boot Windows"));
        if (epoch == 1) {
            write_file(root, note, "key", 3);
        }
        CHECK(touch_state(note, false, "key"));
        kill_one(&loop, 10 * epoch + 1, "win11", epoch);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 10 * epoch + 1, limit_ms), VIRT_DONE);
    }
    /* Two hosts never have it at a time: swtpm locks its folder. */
    pid_t other = begin_swtpm(uuid);
    start(&loop, 30, xml, "win11", 3, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 30, limit_ms), VIRT_FAILED);
    CHECK(touch_state(note, false, "key"));
    CHECK(kill(other, 0) == 0);
    REQUIRE(kill(other, SIGKILL) == 0);
    start(&loop, 40, xml, "win11", 4, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 40, limit_ms), VIRT_DONE);
    kill_one(&loop, 41, "win11", 4);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 41, limit_ms), VIRT_DONE);
}

TEST(a_qemu_that_dies_is_gone_unasked)
{
    need_qemu();
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop) && run_up(&loop, 1, "a", 1));
    REQUIRE(kill(qemu_of("a", 1), SIGKILL) == 0);
    const struct line *gone = await(&loop, TOLD_GONE, "a", 1, limit_ms);
    REQUIRE(gone);
    CHECK(!gone->is_asked);
    CHECK_STR(gone->text, "its QEMU process ended unexpectedly");
}
