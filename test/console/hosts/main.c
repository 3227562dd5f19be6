/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hosts COUNT ENDPOINT...       plays node1 ... nodeCOUNT on the etcd at those URLs
 *
 * Obeys lines on standard input, one answer each on standard output ("ok" or "error: why"); ends
 * with its input.
 */
#include "test/console/hosts/hosts.h"

#include "base/buf.h"
#include "base/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { words_max = 5, hosts_max = 64, endpoints_max = 5 };

static const char usage[] = "off NODE | on NODE | fail gpu NODE ADDRESS | mend gpu NODE ADDRESS | "
                            "spoil gpu NODE ADDRESS | guest dies VM | guest deaf VM | guests";

struct stage {
    sd_event *event;
    struct etcd_config etcd;
    struct host hosts[hosts_max];
    size_t host_len;
    struct buf input;
};

static void ok(void)
{
    (void)puts("ok");
}

static void no(const char *why, const char *what)
{
    (void)printf("error: %s: %s\n", why, what);
}

/* ---- commands ---- */

static struct host *find_host(struct stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->host_len; i++) {
        if (strcmp(stage->hosts[i].name, name) == 0) {
            return &stage->hosts[i];
        }
    }
    no("no such host", name);
    return NULL;
}

static void do_power(struct stage *stage, const char *name, bool is_on)
{
    struct host *host = find_host(stage, name);
    if (host) {
        if (is_on) {
            host_power_on(host);
        } else {
            host_power_off(host);
        }
        ok();
    }
}

/* fail: off the bus; spoil: VMs that get it do not start; the third verb ends both. */
static void do_gpu(struct stage *stage, const char *verb, const char *name, const char *address)
{
    struct pci_address parsed;
    struct host *host = find_host(stage, name);
    struct card *card =
        host && pci_address_parse(address, &parsed) ? machine_card(host, parsed) : NULL;
    if (!card) {
        if (host) {
            no("no such card", address);
        }
        return;
    }
    card->is_off_bus = strcmp(verb, "fail") == 0;
    card->resets_badly = strcmp(verb, "spoil") == 0;
    if (host->core) {
        machine_tell_inventory(host);
    }
    ok();
}

static void do_guest(struct stage *stage, const char *verb, const char *vm)
{
    for (size_t i = 0; i < stage->host_len; i++) {
        struct guest *guest = machine_guest(&stage->hosts[i], vm);
        if (!guest) {
            continue;
        }
        if (strcmp(verb, "deaf") == 0) {
            guest->is_deaf = true;
        } else {
            machine_guest_ends(&stage->hosts[i], guest, "the guest crashed");
        }
        ok();
        return;
    }
    no("no such guest runs", vm);
}

/* What runs in truth: "vm train1 node2 2" (epoch) each. */
static void do_guests(const struct stage *stage)
{
    for (size_t i = 0; i < stage->host_len; i++) {
        VEC_EACH(&stage->hosts[i].guests, guest) {
            if ((*guest)->is_made) {
                (void)printf("vm %s %s %llu\n", (*guest)->vm, stage->hosts[i].name,
                             (unsigned long long)(*guest)->epoch);
            }
        }
    }
    ok();
}

static void obey(struct stage *stage, char *line)
{
    char *words[words_max] = {0}, *rest = NULL;
    size_t len = 0;
    for (char *word = strtok_r(line, " \t\r", &rest); word && len < words_max;
         word = strtok_r(NULL, " \t\r", &rest)) {
        words[len++] = word;
    }
    bool is_gpu = len == 4 && strcmp(words[1], "gpu") == 0;
    if (len == 2 && (strcmp(words[0], "off") == 0 || strcmp(words[0], "on") == 0)) {
        do_power(stage, words[1], strcmp(words[0], "on") == 0);
    } else if (is_gpu && (strcmp(words[0], "fail") == 0 || strcmp(words[0], "mend") == 0 ||
                          strcmp(words[0], "spoil") == 0)) {
        do_gpu(stage, words[0], words[2], words[3]);
    } else if (len == 3 && strcmp(words[0], "guest") == 0 &&
               (strcmp(words[1], "dies") == 0 || strcmp(words[1], "deaf") == 0)) {
        do_guest(stage, words[1], words[2]);
    } else if (len == 1 && strcmp(words[0], "guests") == 0) {
        do_guests(stage);
    } else {
        no("say one of", usage);
    }
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct stage *stage = userdata;
    char piece[1024];
    (void)source;
    (void)events;
    ssize_t size = read(fd, piece, sizeof(piece));
    if (size <= 0) {
        return size < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : sd_event_exit(stage->event, 0);
    }
    for (ssize_t i = 0; i < size; i++) {
        if (piece[i] != '\n') {
            buf_char(&stage->input, piece[i]);
            continue;
        }
        char *line = buf_take(&stage->input);
        if (line && line[0] != '\0') {
            obey(stage, line);
        }
        free(line);
    }
    (void)fflush(stdout);
    return 0;
}

/* ---- beginning and end ---- */

int main(int argc, char **argv)
{
    static struct stage stage;
    const char *endpoints[endpoints_max];
    uint64_t count = 0;
    if (argc < 3 || argc - 2 > endpoints_max || !parse_u64(argv[1], hosts_max, &count) ||
        count == 0) {
        (void)fprintf(stderr, "usage: hosts COUNT ENDPOINT...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        endpoints[i - 2] = argv[i];
    }
    stage.etcd = (struct etcd_config){.endpoints = endpoints, .endpoint_len = (size_t)argc - 2};
    stage.host_len = (size_t)count;
    (void)signal(SIGPIPE, SIG_IGN);
    if (sd_event_new(&stage.event) < 0 ||
        sd_event_add_io(stage.event, NULL, STDIN_FILENO, EPOLLIN, on_input, &stage) < 0) {
        (void)fprintf(stderr, "hosts: no event loop (standard input must be a pipe or terminal)\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < stage.host_len; i++) {
        host_init(&stage.hosts[i], (uint32_t)i, stage.event, &stage.etcd);
        host_power_on(&stage.hosts[i]);
    }
    int r = sd_event_loop(stage.event);
    for (size_t i = 0; i < stage.host_len; i++) {
        host_done(&stage.hosts[i]);
    }
    buf_done(&stage.input);
    sd_event_unref(stage.event);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
