/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* src/virt on libvirt's own test driver: the life of a VM, without any process behind it. */
#include "test/live/virt_loop.h"

#include <libvirt/libvirt.h>

static const char xml[] = "<domain type='test'><name>x</name><memory unit='MiB'>8</memory>"
                          "<os><type>hvm</type></os></domain>";

enum { limit_ms = 20000 };

static bool begin(struct loop *loop)
{
    return loop_begin(loop, "test:///default") && await(loop, TOLD_LISTED, "", 0, limit_ms);
}

/* What someone else does: another connection to the same driver. */
static bool by_another(const char *vm, int (*act)(virDomainPtr domain))
{
    virConnectPtr conn = virConnectOpen("test:///default");
    virDomainPtr domain = virDomainLookupByName(conn, vm);
    bool is_done = domain && act(domain) == 0;
    if (domain) {
        (void)virDomainFree(domain);
    }
    (void)virConnectClose(conn);
    return is_done;
}

TEST(a_vm_is_started_reported_and_turned_off)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    CHECK(find_line(&loop, 0, TOLD_UP, "", 0) != NULL);
    CHECK_INT(loop.lines.len, 2); /* the driver's own VM is not ours */
    start(&loop, 1, xml, "a", 4, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 1, limit_ms), VIRT_DONE);
    struct line *told = await(&loop, TOLD_INSTANCE, "a", 4, limit_ms);
    REQUIRE(told);
    CHECK_INT(told->state, VM_STATE_RUNNING);
    stop(&loop, 2, "a", 4, OFFLINE_TURN_OFF, limit_ms);
    struct line *done = await(&loop, TOLD_DONE, "", 2, limit_ms);
    CHECK_OUTCOME(done, VIRT_DONE);
    struct line *gone = find_line(&loop, 0, TOLD_GONE, "a", 4);
    REQUIRE(gone);
    CHECK(gone < done); /* the end of the VM is told before the end of its stop */
    CHECK(gone->is_asked);
    CHECK_STR(gone->text, "it was turned off");
}

TEST(a_vm_that_is_shut_down_is_gone_and_stopping_it_again_is_done_at_once)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1, xml, "a", 1, limit_ms);
    REQUIRE(await(&loop, TOLD_DONE, "", 1, limit_ms));
    stop(&loop, 2, "a", 1, OFFLINE_SHUTDOWN, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_DONE);
    CHECK(find_line(&loop, 0, TOLD_GONE, "a", 1) != NULL);
    stop(&loop, 3, "a", 1, OFFLINE_SHUTDOWN, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    stop(&loop, 4, "a", 1, OFFLINE_SAVE, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_FAILED);
}

TEST(a_vm_that_someone_else_ends_is_reported_gone)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1, xml, "a", 1, limit_ms);
    REQUIRE(await(&loop, TOLD_DONE, "", 1, limit_ms));
    CHECK(by_another("a", virDomainShutdown));
    struct line *gone = await(&loop, TOLD_GONE, "a", 1, limit_ms);
    REQUIRE(gone);
    CHECK(!gone->is_asked);
    CHECK_STR(gone->text, "the guest shut down");
}

/* The events of epoch 1 come while epoch 2 starts. */
TEST(an_event_for_an_old_epoch_does_not_end_the_new_one)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    for (uint64_t epoch = 1; epoch < 20; epoch++) {
        start(&loop, epoch * 10, xml, "a", epoch, limit_ms);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", epoch * 10, limit_ms), VIRT_DONE);
        stop(&loop, epoch * 10 + 1, "a", epoch, OFFLINE_TURN_OFF, limit_ms);
        CHECK_OUTCOME(await(&loop, TOLD_DONE, "", epoch * 10 + 1, limit_ms), VIRT_DONE);
    }
    start(&loop, 1, xml, "a", 99, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 1, limit_ms), VIRT_DONE);
    start(&loop, 2, xml, "b", 1, limit_ms);
    REQUIRE(await(&loop, TOLD_DONE, "", 2, limit_ms));
    CHECK(!find_line(&loop, 0, TOLD_GONE, "a", 99));
    stop(&loop, 3, "a", 98, OFFLINE_TURN_OFF, limit_ms); /* an old one: not here */
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK(!find_line(&loop, 0, TOLD_GONE, "a", 99));
    kill_all(&loop, 4);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_DONE);
}

TEST(the_same_epoch_is_started_once_and_a_newer_one_is_refused_while_it_runs)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1, xml, "a", 1, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 1, limit_ms), VIRT_DONE);
    start(&loop, 2, xml, "a", 1, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_DONE);
    start(&loop, 3, xml, "a", 2, limit_ms);
    struct line *refused = await(&loop, TOLD_DONE, "", 3, limit_ms);
    CHECK_OUTCOME(refused, VIRT_FAILED);
    CHECK_HAS(refused->text, "epoch 1) still runs here");
    kill_one(&loop, 4, "a", 1);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_DONE);
    start(&loop, 5, xml, "a", 1, limit_ms);
    struct line *again = await(&loop, TOLD_DONE, "", 5, limit_ms);
    CHECK_OUTCOME(again, VIRT_DONE); /* forgotten: the caller counts epochs */
    kill_all(&loop, 6);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 6, limit_ms), VIRT_DONE);
}

TEST(what_libvirt_refuses_fails_in_its_words_and_what_is_no_domain_in_ours)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1,
          "<domain type='test'><name>x</name><memory>9</memory><os><type>no</type></os>"
          "</domain>",
          "a", 1, limit_ms);
    struct line *line = await(&loop, TOLD_DONE, "", 1, limit_ms);
    CHECK_OUTCOME(line, VIRT_FAILED);
    CHECK_HAS(line->text, "libvirt refused the start: ");
    CHECK_HAS(line->text, "no");
    start(&loop, 2, "<network/>", "a", 2, limit_ms);
    line = await(&loop, TOLD_DONE, "", 2, limit_ms);
    CHECK_OUTCOME(line, VIRT_FAILED);
    CHECK_HAS(line->text, "not a libvirt <domain>");
    start(&loop, 3, xml, "a", 3, limit_ms); /* nothing of it is left */
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    kill_all(&loop, 4);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_DONE);
}

TEST(after_kill_all_the_door_is_closed_until_it_is_opened)
{
    CLEANUP_LOOP loop;
    REQUIRE(begin(&loop));
    start(&loop, 1, xml, "a", 1, limit_ms);
    start(&loop, 2, xml, "b", 1, limit_ms);
    REQUIRE(await(&loop, TOLD_DONE, "", 1, limit_ms) && await(&loop, TOLD_DONE, "", 2, limit_ms));
    kill_all(&loop, 3);
    start(&loop, 4, xml, "c", 1, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 4, limit_ms), VIRT_FAILED);
    CHECK(find_line(&loop, 0, TOLD_GONE, "a", 1) && find_line(&loop, 0, TOLD_GONE, "b", 1));
    virt_reopen(loop.virt);
    start(&loop, 5, xml, "c", 2, limit_ms);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 5, limit_ms), VIRT_DONE);
    kill_all(&loop, 6);
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 6, limit_ms), VIRT_DONE);
}

TEST(a_libvirt_that_is_not_there_is_reported_and_starts_fail_as_not_begun)
{
    CLEANUP_LOOP loop;
    REQUIRE(loop_begin(&loop, "qemu:///system?socket=/nonexistent/socket"));
    start(&loop, 1, xml, "a", 1, 700);
    stop(&loop, 2, "a", 1, OFFLINE_SHUTDOWN, 700);
    struct line *down = await(&loop, TOLD_DOWN, "", 0, limit_ms);
    REQUIRE(down);
    CHECK_HAS(down->text, "/nonexistent/socket");
    struct line *line = await(&loop, TOLD_DONE, "", 1, limit_ms);
    CHECK_OUTCOME(line, VIRT_FAILED);
    CHECK_HAS(line->text, "was not begun");
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 2, limit_ms), VIRT_UNKNOWN);
    kill_all(&loop, 3); /* the kernel knows that nothing of ours runs */
    CHECK_OUTCOME(await(&loop, TOLD_DONE, "", 3, limit_ms), VIRT_DONE);
    CHECK(!find_line(&loop, 0, TOLD_LISTED, "", 0));
}
