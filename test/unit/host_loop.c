/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hardware on the event loop, over a made-up tree whose kernel can hang. This program is its
 * own helper. */
#include "host/helper.h"
#include "host/host.h"
#include "host/internal.h"
#include "host_tree.h"

static const struct pci_address display = {0, 1, 0, 0};

/* The C library gives a constructor the arguments of main(). */
__attribute__((constructor)) static void be_the_helper(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], HOST_HELPER_ARGUMENT) == 0) {
        exit(host_helper_main((struct host_kernel){.write = tree_write_of_helper}));
    }
}

struct stage {
    struct tree tree;
    sd_event *event;
    struct host *host;
    int inventories, blinds, dones;
    size_t gpus;
    enum gpu_verdict verdict;
    bool is_overridden;
    uint64_t id;
    enum host_outcome outcome;
    char text[error_text_size];
};

static void on_inventory(void *userdata, const struct node_inventory *inventory)
{
    struct stage *stage = userdata;
    stage->inventories++;
    stage->gpus = inventory->gpus.len;
    stage->is_overridden = inventory->gpus.len && inventory->gpus.items[0].is_overridden;
    stage->verdict = inventory->gpus.len ? inventory->gpus.items[0].verdict : GPU_OFF_BUS;
}

static void on_blind(void *userdata, const struct error *err)
{
    struct stage *stage = userdata;
    stage->blinds++;
    (void)snprintf(stage->text, sizeof(stage->text), "%s", err->text);
}

static void on_done(void *userdata, uint64_t id, enum host_outcome outcome, const struct error *err)
{
    struct stage *stage = userdata;
    stage->dones++;
    stage->id = id;
    stage->outcome = outcome;
    (void)snprintf(stage->text, sizeof(stage->text), "%s", err ? err->text : "");
}

/* berthd begins. */
static void host_begin(struct stage *stage)
{
    static const struct host_callbacks callbacks = {on_inventory, on_blind, on_done};
    struct error err = {0};
    tree_publish(&stage->tree);
    REQUIRE(host_new(stage->event, &stage->tree.config, &callbacks, stage, &stage->host, &err) ==
            0);
}

static void stage_begin(struct stage *stage)
{
    tree_begin(&stage->tree);
    tree_add_display(&stage->tree);
    stage->tree.config.poll_ms = 50;
    REQUIRE(sd_event_new(&stage->event) >= 0);
    host_begin(stage);
}

static void stage_done(struct stage *stage)
{
    (void)host_free(stage->host);
    sd_event_unref(stage->event);
    tree_done(&stage->tree);
}

/* Runs the loop until '*counter' is at least 'want'; twenty seconds is a failure. */
static void run_until(struct stage *stage, const int *counter, int want)
{
    uint64_t begin_us, now_us;
    REQUIRE(sd_event_now(stage->event, CLOCK_MONOTONIC, &begin_us) >= 0);
    while (*counter < want) {
        REQUIRE(sd_event_run(stage->event, UINT64_C(20) * 1000 * 1000) >= 0);
        REQUIRE(sd_event_now(stage->event, CLOCK_MONOTONIC, &now_us) >= 0);
        REQUIRE(now_us - begin_us < UINT64_C(20) * 1000 * 1000);
    }
}

TEST(the_first_inventory_comes_by_itself_and_then_only_changes_do)
{
    CLEANUP(stage_done) struct stage stage = {0};
    stage_begin(&stage);
    run_until(&stage, &stage.inventories, 1);
    CHECK_INT(stage.gpus, 1);
    for (int i = 0; i < 20; i++) { /* several polls */
        REQUIRE(sd_event_run(stage.event, 30 * 1000) >= 0);
    }
    CHECK_INT(stage.inventories, 1);
    tree_add_radeon(&stage.tree);
    run_until(&stage, &stage.inventories, 2);
    while (stage.gpus != 2) { /* a reading may have seen half of it */
        run_until(&stage, &stage.inventories, stage.inventories + 1);
    }
    host_refresh(stage.host);
    run_until(&stage, &stage.inventories, stage.inventories + 1);
}

TEST(a_dismount_is_done_and_the_inventory_shows_it)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    stage_begin(&stage);
    run_until(&stage, &stage.inventories, 1);
    CHECK_INT(stage.verdict, GPU_HOST_DRIVER);
    REQUIRE(host_dismount(stage.host, display, false, 7, &err) == 0);
    CHECK_INT(host_mount(stage.host, display, 8, &err), -EBUSY);
    CHECK_HAS(err.text, "under way");
    run_until(&stage, &stage.dones, 1);
    CHECK_INT(stage.id, 7);
    CHECK_STR(host_outcome_name(stage.outcome), "done");
    while (stage.verdict != GPU_ASSIGNABLE) {
        run_until(&stage, &stage.inventories, stage.inventories + 1);
    }
}

TEST(the_next_inventory_has_what_was_ordered_to_be_listed_beside_the_gpus)
{
    CLEANUP(stage_done) struct stage stage = {0};
    const struct pci_address drive = {0, 9, 0, 0};
    stage_begin(&stage);
    tree_add(&stage.tree, "0000:09:00.0",
             &(struct tree_card){NULL, "144d a808 144d a801 010802", "nvme", "flr\n", 19});
    run_until(&stage, &stage.inventories, 1);
    CHECK_INT(stage.gpus, 1);
    host_refresh(stage.host);
    REQUIRE(sd_event_run(stage.event, 1000) >= 0); /* it is being read without the drive ... */
    host_watch(stage.host, &drive, 1);             /* ... and that counts for nothing */
    run_until(&stage, &stage.inventories, 2);
    CHECK_INT(stage.gpus, 2);
    host_watch(stage.host, NULL, 0);
    run_until(&stage, &stage.inventories, 3);
    CHECK_INT(stage.gpus, 1);
}

TEST(a_vgpu_is_made_and_an_erasure_is_run_in_a_process_of_their_own)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    const struct gpu_slot slot = {.address = display};
    stage_begin(&stage);
    run_until(&stage, &stage.inventories, 1);
    REQUIRE(host_make(stage.host, &(struct gpu_slot){display, "0000:01:00.4"}, "nvidia-9", 5,
                      &err) == 0);
    run_until(&stage, &stage.dones, 1);
    CHECK_STR(host_outcome_name(stage.outcome), "failed");
    CHECK_HAS(stage.text, "takes no vGPU types");
    REQUIRE(host_clean(stage.host, &slot, "wipe", 6, &err) == 0);
    run_until(&stage, &stage.dones, 2);
    CHECK_HAS(stage.text, "erase_commands in this host's berth.conf has no");
}

TEST(a_refused_operation_fails_with_its_reason)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    stage_begin(&stage);
    REQUIRE(host_mount(stage.host, (struct pci_address){0, 9, 0, 0}, 3, &err) == 0);
    run_until(&stage, &stage.dones, 1);
    CHECK_STR(host_outcome_name(stage.outcome), "failed");
    CHECK_HAS(stage.text, "no card at 0000:09:00.0");
}

/* A stage whose display's driver does not let go, and a dismount that has found that out. */
static void stage_begin_stuck(struct stage *stage)
{
    struct error err = {0};
    stage_begin(stage);
    run_until(stage, &stage->inventories, 1);
    (void)snprintf(stage->tree.unbind_hangs, sizeof(stage->tree.unbind_hangs), "0000:01:00.0");
    stage->host = host_free(stage->host);
    stage->tree.config.limit_ms = 3000;
    host_begin(stage);
    REQUIRE(host_dismount(stage->host, display, false, 7, &err) == 0);
    run_until(stage, &stage->dones, 1);
    CHECK_STR(host_outcome_name(stage->outcome), "stuck");
    CHECK_HAS(stage->text, "0000:01:00.0 hangs in the kernel (process ");
    CHECK_HAS(stage->text, "reboot this host");
}

static void run_until_verdict(struct stage *stage, enum gpu_verdict verdict)
{
    while (stage->verdict != verdict) {
        run_until(stage, &stage->inventories, stage->inventories + 1);
    }
}

TEST(a_driver_that_hangs_makes_the_card_stuck_and_blocks_nothing_else)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    stage_begin_stuck(&stage);
    CHECK_INT(host_dismount(stage.host, display, true, 8, &err), -EBUSY);
    CHECK_HAS(err.text, "hanging in the kernel");
    run_until_verdict(&stage, GPU_STUCK);
    CHECK_INT(stage.blinds, 0);
    CHECK(!stage.is_overridden); /* it is, but asking would wait for the driver that hangs */
    tree_unhang(&stage.tree);
    run_until_verdict(&stage, GPU_ASSIGNABLE);
    CHECK_INT(stage.dones, 1);
    CHECK_INT(host_mount(stage.host, display, 9, &err), 0);
    run_until(&stage, &stage.dones, 2);
    CHECK_STR(host_outcome_name(stage.outcome), "done");
}

TEST(a_later_berthd_knows_what_hangs_since_an_earlier_one_and_begins_nothing_there)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    char earlier_text[error_text_size];
    stage_begin_stuck(&stage);
    memcpy(earlier_text, stage.text, sizeof(earlier_text));
    stage.host = host_free(stage.host);
    host_begin(&stage);
    run_until_verdict(&stage, GPU_STUCK);
    REQUIRE(host_dismount(stage.host, display, true, 8, &err) == 0);
    run_until(&stage, &stage.dones, 2);
    CHECK_INT(stage.id, 8);
    CHECK_STR(host_outcome_name(stage.outcome), "stuck");
    CHECK_STR(stage.text, earlier_text); /* it names the process of then: no other one hangs */
    tree_unhang(&stage.tree);
    run_until_verdict(&stage, GPU_ASSIGNABLE);
    REQUIRE(host_mount(stage.host, display, 9, &err) == 0);
    run_until(&stage, &stage.dones, 3);
    CHECK_STR(host_outcome_name(stage.outcome), "done");
}

TEST(what_still_hangs_when_the_host_is_freed_is_done_to_its_end)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    stage_begin(&stage);
    (void)snprintf(stage.tree.unbind_hangs, sizeof(stage.tree.unbind_hangs), "0000:01:00.0");
    tree_publish(&stage.tree);
    REQUIRE(host_dismount(stage.host, display, false, 7, &err) == 0);
    stage.host = host_free(stage.host);
    tree_unhang(&stage.tree);
    char driver[64] = "bochs-drm";
    for (int i = 0; i < 2000 && strcmp(driver, "vfio-pci") != 0; i++) {
        tree_driver(&stage.tree, "0000:01:00.0", driver, sizeof(driver));
        (void)usleep(10 * 1000);
    }
    CHECK_STR(driver, "vfio-pci");
    CHECK_INT(stage.dones, 0);
}

/* No played kernel: the helper blocks where the kernel would block it, in opening the file. */
TEST(a_write_that_really_blocks_holds_up_a_child_and_nothing_of_ours)
{
    CLEANUP(stage_done) struct stage stage = {0};
    struct error err = {0};
    char path[512], text[64] = "";
    tree_begin(&stage.tree);
    tree_add_display(&stage.tree);
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/bochs-drm/unbind",
                   stage.tree.config.root);
    REQUIRE(mkfifo(path, 0600) == 0);
    tree_link(&stage.tree, "../../../../bus/pci/drivers/bochs-drm",
              "/sys/bus/pci/devices/0000:01:00.0/driver");
    stage.tree.config.poll_ms = 50;
    stage.tree.config.limit_ms = 1000;
    stage.tree.is_real = true;
    REQUIRE(sd_event_new(&stage.event) >= 0);
    host_begin(&stage);
    REQUIRE(host_dismount(stage.host, display, false, 7, &err) == 0);
    run_until(&stage, &stage.dones, 1);
    CHECK_HAS(stage.text, "hangs in the kernel");
    CHECK_STR(host_outcome_name(stage.outcome), "stuck");
    stage.host = host_free(stage.host); /* berthd ends ... */
    host_begin(&stage);                 /* ... and another one begins */
    run_until_verdict(&stage, GPU_STUCK);
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* the driver lets go */
    REQUIRE(fd >= 0);
    CHECK(read(fd, text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "0000:01:00.0");
    (void)close(fd);
    while (stage.verdict == GPU_STUCK) {
        run_until(&stage, &stage.inventories, stage.inventories + 1);
    }
    CHECK_INT(stage.dones, 1);
}

TEST(hardware_that_cannot_be_read_is_reported_and_read_again_later)
{
    CLEANUP(stage_done) struct stage stage = {0};
    stage_begin(&stage);
    run_until(&stage, &stage.inventories, 1);
    tree_remove(&stage.tree, "/proc/sys/kernel/osrelease");
    run_until(&stage, &stage.blinds, 1);
    CHECK_HAS(stage.text, "no sysfs and procfs");
    tree_file(&stage.tree, "6.2\n", "/proc/sys/kernel/osrelease");
    run_until(&stage, &stage.inventories, stage.inventories + 1);
}

TEST(only_events_of_hardware_that_we_read_matter)
{
    static const char bind[] = "bind@/devices/x\0ACTION=bind\0SUBSYSTEM=pci\0SEQNUM=1";
    static const char tty[] = "add@/devices/x\0ACTION=add\0SUBSYSTEM=tty\0SEQNUM=1";
    static const char cut[] = {'S', 'U', 'B', 'S', 'Y', 'S', 'T', 'E', 'M', '=', 'p', 'c', 'i'};
    CHECK(uevent_matters(bind, sizeof(bind)));
    CHECK(!uevent_matters(tty, sizeof(tty)));
    CHECK(!uevent_matters(cut, sizeof(cut)));
    CHECK(!uevent_matters("", 0));
}
