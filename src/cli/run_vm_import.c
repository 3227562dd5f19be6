/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that libvirt on this host has defined, taken over into the cluster. */
#include "cli/libvirt.h"
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One domain on its way. */
struct candidate {
    const struct domain *domain;
    const json_t *gpus;   /* of this node, whole */
    json_t *needs;        /* array of {"pool", "count"} */
    struct buf xml;       /* without GPUs */
    struct buf remarks;   /* for people: what was taken out and is no need */
    struct buf foreign;   /* devices that are no GPUs: it cannot be imported */
    char name[name_size]; /* in the cluster */
    bool has_gpus, has_poolless, has_losses;
};

static void candidate_done(struct candidate *candidate)
{
    json_decref(candidate->needs);
    buf_done(&candidate->xml);
    buf_done(&candidate->remarks);
    buf_done(&candidate->foreign);
}

static void need_one(json_t *needs, const char *pool)
{
    size_t i;
    json_t *need;
    json_array_foreach(needs, i, need) {
        if (strcmp(text_at(need, "pool"), pool) == 0) {
            (void)json_object_set_new(need, "count", json_integer(number_at(need, "count") + 1));
            return;
        }
    }
    (void)json_array_append_new(needs, json_pack("{s:s, s:i}", "pool", pool, "count", 1));
}

static bool is_companion(const json_t *gpu, const char *address)
{
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(gpu, "companions"), i, each) {
        if (strcmp(json_string_value(each), address) == 0) {
            return true;
        }
    }
    return false;
}

static void remark_losses(struct candidate *candidate, const struct domain_hostdev *device,
                          const char *name)
{
    if (device->losses[0]) {
        candidate->has_losses = true;
        buf_printf(&candidate->remarks, "  not taken over with %s: %s\n", name, device->losses);
    }
}

/* GPUs and what goes with them are taken out; their pools become needs. */
static bool takes(void *userdata, const struct domain_hostdev *device)
{
    struct candidate *candidate = userdata;
    char address[pci_address_size];
    size_t i;
    json_t *gpu;
    if (device->mdev[0]) {
        candidate->has_gpus = candidate->has_poolless = true;
        buf_printf(&candidate->remarks, "  its partition (mdev %s) was taken out\n", device->mdev);
        remark_losses(candidate, device, device->mdev);
        return true;
    }
    (void)pci_address_format(device->address, address);
    json_array_foreach(candidate->gpus, i, gpu) {
        if (is_companion(gpu, address)) {
            remark_losses(candidate, device, address);
            return true;
        }
        if (strcmp(text_at(gpu, "address"), address) != 0) {
            continue;
        }
        const char *pool = text_at(gpu, "pool");
        candidate->has_gpus = true;
        if (pool[0]) {
            need_one(candidate->needs, pool);
        } else {
            candidate->has_poolless = true;
            buf_printf(&candidate->remarks,
                       "  its GPU %s (%s) was taken out, which is in no pool\n", address,
                       text_at(gpu, "model"));
        }
        remark_losses(candidate, device, address);
        return true;
    }
    buf_printf(&candidate->foreign, "%s%s", candidate->foreign.size ? ", " : "", address);
    return false;
}

static bool is_known(const json_t *vms, const char *name)
{
    size_t i;
    json_t *vm;
    json_array_foreach(vms, i, vm) {
        if (strcmp(text_at(vm, "name"), name) == 0) {
            return true;
        }
    }
    return false;
}

/* As a word of a shell, into 'ret'; returns 'ret'. */
static const char *quoted(const char *text, struct buf *ret)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (text[0] && text[0] != '-' && strspn(text, plain) == strlen(text)) {
        buf_printf(ret, "%s", text);
        return buf_str(ret);
    }
    buf_printf(ret, "'");
    for (const char *at = text; *at; at++) {
        if (*at == '\'') {
            buf_printf(ret, "'\\''");
        } else {
            buf_printf(ret, "%c", *at);
        }
    }
    buf_printf(ret, "'");
    return buf_str(ret);
}

/* The name that was asked for, or that of the domain, if need be made usable. */
static int choose_name(const struct cli *cli, struct candidate *candidate, struct error *err)
{
    const char *given = cli_option(cli, "name");
    if (given) {
        (void)copy_text(candidate->name, sizeof(candidate->name), given);
        return name_check("VM", given, err);
    }
    (void)name_from_text(candidate->domain->name, candidate->name);
    return 0;
}

/* 0; or negative, it cannot be imported, and 'err' says why. */
static int prepare(const struct cli *cli, struct candidate *candidate, const json_t *vms,
                   struct error *err)
{
    CLEANUP(buf_done) struct buf word = {0};
    const char *name = candidate->domain->name;
    struct domain_marker marker;
    struct domain_info info;
    int r = choose_name(cli, candidate, err);
    if (r < 0) {
        return r;
    }
    if (domain_marker_from_xml(candidate->domain->xml, &marker)) {
        return error_set(err, -EEXIST, "Berth started it itself");
    }
    if (is_known(vms, candidate->name)) {
        return error_set(err, -EALREADY, "in the cluster already: virsh undefine --keep-nvram %s",
                         quoted(name, &word));
    }
    if (candidate->domain->is_active) {
        return error_set(err, -EBUSY, "it runs: shut it down first (virsh shutdown %s)",
                         quoted(name, &word));
    }
    r = domain_xml_strip(candidate->domain->xml, takes, candidate, &candidate->xml, err);
    if (r == 0 && candidate->foreign.size) {
        return error_set(err, -EINVAL,
                         "it is given %s of this host, no GPU that Berth knows: take that out of "
                         "its XML (virsh edit %s), or name it in devices of berth.conf(5)",
                         buf_str(&candidate->foreign), quoted(name, &word));
    }
    return r < 0 ? r : domain_xml_inspect(buf_str(&candidate->xml), &info, err);
}

/* ---- this host's GPUs ---- */

static int read_node(struct cli *cli, json_t **ret)
{
    const char *given = cli_option(cli, "node");
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    host[strcspn(host, ".")] = '\0';
    int r = client_get(cli, ret, "/v1/nodes/%s", given ? given : host);
    if (r == EXIT_NOT_FOUND && !given) {
        (void)cli_fail(cli, 0, "say by which name the cluster knows this host: --node NODE");
    }
    return r;
}

/* ---- one, all, or the list ---- */

static int import_one(struct cli *cli, struct candidate *candidate)
{
    const char *name = candidate->name;
    CLEANUP(buf_done) struct buf word = {0};
    json_t *reply;
    int r = client_call(cli, "POST",
                        json_pack("{s:s, s:s, s:O}", "name", name, "xml", buf_str(&candidate->xml),
                                  "needs", candidate->needs),
                        &reply, "/v1/vms");
    if (r != EXIT_OK) {
        return r;
    }
    if (cli->is_json) {
        return show_json(cli, reply);
    }
    CLEANUP(buf_done) struct buf needs = {0};
    needs_text(candidate->needs, &needs);
    (void)fprintf(cli->out, "%s\n%s", text_at(reply, "message"), buf_str(&candidate->remarks));
    if (json_array_size(candidate->needs) > 0) {
        (void)fprintf(cli->out, "  it needs %s\n", buf_str(&needs));
    } else {
        (void)fprintf(cli->out, "  let it need GPUs: berth vm assign %s POOL\n", name);
    }
    show_reasons(cli->out, array_at(reply, "warnings"));
    (void)fprintf(cli->out, "  now take it from libvirt: virsh undefine --keep-nvram %s%s\n",
                  quoted(candidate->domain->name, &word),
                  candidate->domain->has_autostart ? " (it would start with this host)" : "");
    json_decref(reply);
    return EXIT_OK;
}

static bool is_named(const struct cli *cli, const char *name)
{
    bool is_among = cli_option(cli, "all") != NULL;
    VEC_EACH(&cli->args, arg) {
        is_among |= strcmp(*arg, name) == 0;
    }
    return is_among;
}

/* An entry of the list, or of what --dry-run would do. */
static json_t *describe(const struct candidate *candidate, const char *why_not)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_printf(&text, "%s", why_not[0] ? why_not : "can be imported");
    if (!why_not[0] && strcmp(candidate->name, candidate->domain->name) != 0) {
        buf_printf(&text, " as %s", candidate->name);
    }
    if (!why_not[0] && !candidate->has_gpus) {
        buf_printf(&text, "; no GPU in its XML");
    }
    if (!why_not[0] && candidate->has_poolless) {
        buf_printf(&text, "; has GPUs that are in no pool");
    }
    if (!why_not[0] && candidate->has_losses) {
        buf_printf(&text, "; settings of its GPUs are not taken over");
    }
    return json_pack("{s:s, s:s, s:O, s:b, s:s}", "name", candidate->domain->name, "state",
                     candidate->domain->is_active ? "running" : "stopped", "needs",
                     candidate->needs, "can_be_imported", why_not[0] == '\0', "text",
                     buf_str(&text));
}

/* Each that is meant is imported, or with 'list' described there. */
static int each_domain(struct cli *cli, const domains_t *domains, const json_t *gpus,
                       const json_t *vms, json_t *list)
{
    int worst = EXIT_OK;
    VEC_EACH(domains, domain) {
        CLEANUP(candidate_done)
        struct candidate candidate = {.domain = domain, .gpus = gpus, .needs = json_array()};
        struct error why = {0};
        if (!is_named(cli, domain->name) && !(list && cli->args.len == 0)) {
            continue;
        }
        int r = prepare(cli, &candidate, vms, &why);
        if (list) {
            (void)json_array_append_new(list, describe(&candidate, r < 0 ? why.text : ""));
            continue;
        }
        if (r == -EALREADY && cli_option(cli, "all")) {
            continue;
        }
        r = r < 0 ? cli_fail(cli, EXIT_REFUSED, "%s is left out: %s", domain->name, why.text)
                  : import_one(cli, &candidate);
        worst = MAX(worst, r);
    }
    return worst;
}

static int check_names(struct cli *cli, const domains_t *domains)
{
    int r = EXIT_OK;
    VEC_EACH(&cli->args, arg) {
        bool is_there = false;
        VEC_EACH(domains, domain) {
            is_there |= strcmp(domain->name, *arg) == 0;
        }
        if (!is_there) {
            r = cli_fail(cli, EXIT_NOT_FOUND,
                         "libvirt has no VM \"%s\" defined; berth vm import lists those it has",
                         *arg);
        }
    }
    return r;
}

static void print_list(struct cli *cli, const json_t *list)
{
    static const char *const headings[] = {"NAME", "STATE", "NEEDS", ""};
    struct table table;
    size_t i;
    json_t *each;
    table_init(&table, &cli->look, headings, ARRAY_LEN(headings));
    json_array_foreach(list, i, each) {
        CLEANUP(buf_done) struct buf needs = {0};
        needs_text(json_object_get(each, "needs"), &needs);
        table_add(&table, text_at(each, "name"));
        table_add(&table, text_at(each, "state"));
        table_add(&table, buf_str(&needs));
        table_add(&table, text_at(each, "text"));
    }
    table_print(&table, cli->out, "libvirt has no VM defined.");
    table_done(&table);
}

static int import(struct cli *cli, const domains_t *domains, const json_t *gpus, const json_t *vms)
{
    bool is_list = (cli->args.len == 0 && !cli_option(cli, "all")) || cli_option(cli, "dry-run");
    if (!is_list) {
        return each_domain(cli, domains, gpus, vms, NULL);
    }
    json_t *list = json_array();
    (void)each_domain(cli, domains, gpus, vms, list);
    if (cli->is_json) {
        return show_json(cli, json_pack("{s:o}", "items", list));
    }
    print_list(cli, list);
    json_decref(list);
    return EXIT_OK;
}

int run_vm_import(struct cli *cli)
{
    CLEANUP(libvirt_domains_done) domains_t domains = {0};
    json_t *node, *vms = NULL;
    if (cli_option(cli, "name") && cli->args.len != 1) {
        return cli_fail(cli, EXIT_USAGE, "--name is for one VM: berth vm import NAME --name NEW");
    }
    int r = read_node(cli, &node);
    if (r != EXIT_OK) {
        return r;
    }
    r = client_get(cli, &vms, "/v1/vms");
    r = r == EXIT_OK ? libvirt_domains(cli, &domains) : r;
    r = r == EXIT_OK ? check_names(cli, &domains) : r;
    r = r == EXIT_OK
            ? import(cli, &domains, json_object_get(node, "gpus"), json_object_get(vms, "items"))
            : r;
    json_decref(vms);
    json_decref(node);
    return r;
}
