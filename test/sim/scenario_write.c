/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text form of scenarios, written. */
#include "test/sim/scenario_text.h"

void scenario_write_step(const struct scenario_step *step, struct buf *ret)
{
    const struct op_text *op = &op_texts[step->op];
    buf_printf(ret, "at %lld %s", (long long)step->at_ms, op->text);
    if (step->subject[0] != '\0') {
        buf_printf(ret, " %s", step->subject);
    }
    if (step->host[0] != '\0') {
        buf_printf(ret, " %s %s", op->options & OPTION_ON ? "on" : "to", step->host);
    }
    if (op->options & OPTION_NUMBER) {
        buf_printf(ret, " %lld", (long long)step->number);
    }
    if (op->options & OPTION_TIMES && step->times != 1) {
        buf_printf(ret, " times %u", step->times);
    }
    if (op->options & OPTION_INTO) {
        buf_printf(ret, " into %u", step->into);
    }
    if (step->for_ms > 0) {
        buf_printf(ret, " for %lld", (long long)step->for_ms);
    }
    if (op->options & OPTION_METHOD) {
        buf_printf(ret, " %s", fencing_name(step->method));
    }
    if (step->migration != MIGRATION_DEFAULT) {
        buf_printf(ret, " %s", migration_name(step->migration));
    }
    buf_text(ret, step->is_forced ? " force" : "");
    buf_text(ret, step->is_in ? " in" : "");
    buf_text(ret, step->is_out ? " out" : "");
    buf_text(ret, step->has_gpu ? " gpu" : "");
}

static void write_names(struct buf *ret, const char *key, const struct name_list *names)
{
    for (uint32_t i = 0; i < names->len; i++) {
        buf_printf(ret, "%s%s%s", i == 0 ? key : "", i == 0 ? "=" : ",", names->names[i]);
    }
}

static void write_host(const struct scenario_host *host, struct buf *ret)
{
    buf_printf(ret, "host %s gpus=%u pool=%s cpus=%u memory=%llu huge=%llu fencing=%s boot=%lld",
               host->name, host->gpus, host->pool, host->cpus, (unsigned long long)host->memory_mib,
               (unsigned long long)host->huge_mib, fencing_name(host->fencing),
               (long long)host->boot_ms);
    if (host->partitions > 0) {
        buf_printf(ret, " partitions=%u%s%s", host->partitions, host->has_vgpus ? " vgpus" : "",
                   host->has_sizes ? " sizes" : "");
    }
    buf_text(ret, host->has_fabric ? " fabric" : "");
    if (host->after_use != AFTER_USE_RELEASE) {
        buf_printf(ret, " after=%s", after_use_name(host->after_use));
    }
    if (host->label[0] != '\0') {
        buf_printf(ret, " label=%s", host->label);
    }
    if (host->live[0] != '\0') {
        buf_printf(ret, " live=%s", host->live);
    }
    if (host->fence_levels != 1) {
        buf_printf(ret, " levels=%u dead=%u", host->fence_levels, host->dead_levels);
    }
    buf_printf(ret, " drift=%d late=%lld%s%s%s\n", host->drift_ppm,
               (long long)host->watchdog_late_ms, host->has_no_watchdog ? " no-watchdog" : "",
               host->is_nowayout ? " nowayout" : "", host->has_store ? " store" : "");
}

static void write_vm(const struct scenario_vm *vm, struct buf *ret)
{
    buf_printf(ret, "vm %s gpus=%u pool=%s desired=%s priority=%u cpus=%u memory=%llu", vm->name,
               vm->gpus, vm->pool, vm_desired_name(vm->desired), vm->priority, vm->cpus,
               (unsigned long long)vm->memory_mib);
    if (vm->on[0] != '\0') {
        buf_printf(ret, " on=%s", vm->on);
    }
    if (vm->label[0] != '\0') {
        buf_printf(ret, " label=%s", vm->label);
    }
    if (vm->migration != MIGRATION_DEFAULT) {
        buf_printf(ret, " migration=%s", migration_name(vm->migration));
    }
    write_names(ret, " owners", &vm->owners);
    write_names(ret, " possible", &vm->possible);
    write_names(ret, " together", &vm->together);
    write_names(ret, " apart", &vm->apart);
    write_names(ret, " after", &vm->after);
    buf_printf(ret,
               " offline=%s timeout=%lld restarts=%u failovers=%u losses=%u start=%lld%s%s%s%s\n",
               offline_action_name(vm->offline), (long long)vm->offline_timeout_ms,
               vm->restarts_max, vm->failovers_max, vm->losses_max, (long long)vm->start_ms,
               vm->is_enforced ? " enforced" : "", vm->has_huge_pages ? " huge-pages" : "",
               vm->is_unmanaged ? " unmanaged" : "", vm->is_watched ? " watched" : "");
}

/* Those numbers of 'from' that differ from 'usual'. */
static void write_numbers(const char *word, const struct number_name *names, size_t len,
                          const void *from, const void *usual, struct buf *ret)
{
    bool has_any = false;
    for (size_t i = 0; i < len; i++) {
        int64_t number = get_number(&names[i], from);
        if (number != get_number(&names[i], usual)) {
            buf_printf(ret, "%s %s=%lld", has_any ? "" : word, names[i].name, (long long)number);
            has_any = true;
        }
    }
    buf_text(ret, has_any ? "\n" : "");
}

void scenario_write(const struct scenario *scenario, struct buf *ret)
{
    static const struct scenario_noise none;
    buf_printf(ret, "seed %llu\n", (unsigned long long)scenario->seed);
    write_numbers("settings", setting_names, setting_names_len, &scenario->settings,
                  &cluster_settings_default, ret);
    write_numbers("noise", noise_names, noise_names_len, &scenario->noise, &none, ret);
    VEC_EACH(&scenario->hosts, host) {
        write_host(host, ret);
    }
    VEC_EACH(&scenario->vms, vm) {
        write_vm(vm, ret);
    }
    VEC_EACH(&scenario->steps, step) {
        scenario_write_step(step, ret);
        buf_char(ret, '\n');
    }
    if (scenario->batch_ms > 0) {
        buf_printf(ret, "batch %lld\n", (long long)scenario->batch_ms);
    }
    if (scenario->until_ms > 0) {
        buf_printf(ret, "until %lld\n", (long long)scenario->until_ms);
    }
}
