/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scenarios drawn from the first seeds violate nothing, and a seed is one run only. TAP. Fewer in a
 * sanitizer's build, which is there to look at memory. */
#include "test/sim/sim.h"
#include "test/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifdef IS_SANITIZED
enum { seeds = 40, seeds_twice = 3, allocations = 20 };
#else
enum { seeds = 150, seeds_twice = 20, allocations = 200 };
#endif

static void run(uint64_t seed, struct sim_result *ret)
{
    struct scenario scenario;
    swarm_draw(seed, 0, 0, &scenario);
    sim_run(&scenario, &(struct sim_options){0}, ret);
    scenario_done(&scenario);
}

TEST(nothing_is_violated_in_the_first_drawn_scenarios)
{
    struct sim_statistics sum = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct sim_result result = {0};
        run(seed, &result);
        if (result.has_failed) {
            test_fail(__FILE__, __LINE__, "berth-sim --seed %llu: %s", (unsigned long long)seed,
                      result.violation);
        }
        sim_statistics_add(&sum, &result.statistics);
        sim_result_done(&result);
    }
    printf("# %llu host failures, %llu failovers, %llu VM starts in %llu simulated minutes\n",
           (unsigned long long)sum.host_failures, (unsigned long long)sum.failovers,
           (unsigned long long)sum.starts, (unsigned long long)sum.simulated_ms / 60000);
    CHECK(sum.failovers > seeds); /* else the faults are too tame to prove anything */
    CHECK(sum.host_failures > 2 * seeds);
}

TEST(the_same_seed_is_the_same_run_to_the_bit)
{
    for (uint64_t seed = 1; seed <= seeds_twice; seed++) {
        struct sim_result first = {0}, second = {0};
        run(seed, &first);
        run(seed, &second);
        CHECK(first.hash == second.hash);
        sim_result_done(&first);
        sim_result_done(&second);
    }
}

/* A failover, an order, a drain and claims of no one; 'b' coordinates from 8 s on. Whether memory
 * ran out in 'b'. */
static bool run_without_memory(uint64_t left, msec_t at_ms)
{
    struct scenario scenario = {0};
    struct sim_result result = {0};
    struct error err = {0};
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "host a gpus=2\nhost b gpus=2\nhost c gpus=2\n"
                   "vm u on=a\nvm v on=a apart=w\nvm w on=b\nvm x desired=stopped gpus=2\n"
                   "at %lld fail memory b %llu\nat 5000 power off a\nat 6000 start x\n"
                   "at 20000 drain b force\nat 25000 power on a\nat 40000 resume b\n"
                   "at 50000 leak b 1\nat 52000 garble b 1\nat 54000 mend claim b 1\n"
                   "at 60000 heal\nuntil 90000\n",
                   (long long)at_ms, (unsigned long long)left);
    CHECK_INT(scenario_parse(text, &scenario, &err), 0);
    sim_run(&scenario, &(struct sim_options){0}, &result);
    if (result.has_failed) {
        test_fail(__FILE__, __LINE__, "%llu allocations after %lld ms: %s",
                  (unsigned long long)left, (long long)at_ms, result.violation);
    }
    bool has_run_out = result.statistics.memory_failures > 0;
    sim_result_done(&result);
    scenario_done(&scenario);
    return has_run_out;
}

TEST(memory_may_run_out_at_any_allocation_of_a_failover_a_drain_and_a_sweep)
{
    static const msec_t moments[] = {4000, 6500, 12500, 19900, 50000, 51990};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        for (uint64_t left = 0; left < allocations && run_without_memory(left, moments[i]);
             left++) {
            count++;
        }
    }
    printf("# a berthd ran out of memory at %u places\n", count);
    CHECK(count > 4 * (unsigned)allocations);
}

/* All are ordered to start at once, and later to stop. */
TEST(of_many_changes_so_many_are_under_way_as_a_store_can_take)
{
    enum { hosts = 16, vms = 700 };
    struct scenario scenario = {0};
    struct sim_result result = {0};
    struct error err = {0};
    struct buf text = {0};
    buf_text(&text, "batch 50\nsettings concurrent_starts=32\n");
    for (int i = 0; i < hosts; i++) {
        buf_printf(&text, "host h%d cpus=50 memory=9999\n", i); /* 50 VMs of each at most */
    }
    for (int i = 0; i < vms; i++) {
        buf_printf(&text,
                   "vm v%d gpus=0 cpus=1 memory=16 desired=stopped start=100 offline=turn-off\n",
                   i);
    }
    for (int i = 0; i < 2 * vms; i++) {
        buf_printf(&text, "at %d %s v%d\n", i < vms ? 1000 : 20000, i < vms ? "start" : "stop",
                   i % vms);
    }
    buf_text(&text, "until 40000\n");
    CHECK_INT(scenario_parse(buf_str(&text), &scenario, &err), 0);
    CHECK_STR(err.text, "");
    sim_run(&scenario, &(struct sim_options){0}, &result);
    CHECK_STR(result.violation, "");
    CHECK_INT((int)result.statistics.starts, vms);
    sim_result_done(&result);
    scenario_done(&scenario);
    buf_done(&text);
}

/* Half of what may be under way is left for it; and the claim that no one holds, which would stand
 * in the way of others, is released meanwhile. */
TEST(no_failover_and_no_leaked_claim_waits_behind_many_ordered_stops)
{
    enum { hosts = 31, vms = 1500, outage_max_ms = 11000 };
    struct scenario scenario = {0};
    struct sim_result result = {0};
    struct error err = {0};
    struct buf text = {0};
    buf_text(&text, "batch 50\nnoise delay_ms=600\nsettings concurrent_starts=32\n"
                    "host z cpus=60 memory=9999\n");
    for (int i = 0; i < hosts; i++) {
        buf_printf(&text, "host h%02d cpus=60 memory=9999 gpus=1\n", i);
    }
    for (int i = 0; i < vms; i++) {
        buf_printf(&text, "vm v%d gpus=0 cpus=1 memory=16 start=100 on=h%02d offline=turn-off\n", i,
                   i % (hosts - 1));
    }
    buf_text(&text, "vm w gpus=0 cpus=1 memory=16 start=100 on=z priority=900\n"
                    "at 100000 power off z\nat 108000 leak h05 0\n");
    for (int i = 0; i < vms; i++) {
        buf_printf(&text, "at 107400 stop v%d\n", i); /* just before 'z' is known to be off */
    }
    buf_text(&text, "until 120000\n");
    CHECK_INT(scenario_parse(buf_str(&text), &scenario, &err), 0);
    CHECK_STR(err.text, "");
    sim_run(&scenario, &(struct sim_options){0}, &result);
    CHECK_STR(result.violation, "");
    CHECK_STR(result.longest_outage_vm, "w");
    CHECK(result.longest_outage_ms < outage_max_ms);
    const char *released = strstr(buf_str(&result.transcript), "claim-released");
    CHECK(released && strstr(released, "vm-stopping"));
    sim_result_done(&result);
    scenario_done(&scenario);
    buf_done(&text);
}

TEST(another_seed_is_another_run)
{
    struct sim_result first = {0}, second = {0};
    run(1, &first);
    run(2, &second);
    CHECK(first.hash != second.hash);
    sim_result_done(&first);
    sim_result_done(&second);
}

TEST(a_scenario_written_and_read_again_is_the_same_run)
{
    struct scenario scenario, again = {0};
    struct sim_result first = {0}, second = {0};
    struct buf text = {0};
    struct error err = {0};
    run(7, &first);
    swarm_draw(7, 0, 0, &scenario);
    scenario_write(&scenario, &text);
    CHECK_INT(scenario_parse(buf_str(&text), &again, &err), 0);
    CHECK_STR(err.text, "");
    sim_run(&again, &(struct sim_options){0}, &second);
    CHECK(first.hash == second.hash);
    sim_result_done(&first);
    sim_result_done(&second);
    scenario_done(&scenario);
    scenario_done(&again);
    buf_done(&text);
}

static void refuse(const char *text, const char *part)
{
    struct scenario scenario = {0};
    struct error err = {0};
    CHECK(scenario_parse(text, &scenario, &err) < 0);
    CHECK_HAS(err.text, part);
    scenario_done(&scenario);
}

TEST(a_scenario_that_makes_no_sense_is_refused_with_its_line)
{
    refuse("host a\nvm v on=b\n", "b, which is no host");
    refuse("host a\n\nat 10 power of a\n", "line 3");
    refuse("host a colour=red\n", "'colour=red' is no option of a host");
    refuse("host a\nat soon power off a\n", "line 2");
    refuse("host a\nat 10 power off b\n", "there is no host 'b'");
    refuse("settings takeover_ms=5000\n", "takeover_ms");
    refuse("host a\nat 5 drain a gently\n", "'gently' does not belong to 'drain'");
}
