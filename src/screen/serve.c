/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The VM's host's side: the one part that speaks to libvirt, and only for who has the secret. */
#include "screen/internal.h"

#include "base/buf.h"
#include "base/parse.h"
#include "model/name.h"
#include "wire/domain_xml.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

enum { request_limit_ms = 5000 };

/* What is open: a descriptor of a VM's display, a stream of its console, or a text. */
struct served {
    struct relay_fd fd;
    virStreamPtr stream;
    struct screen_domains domains;
    struct relay *relay;
};

/* ---- the console: libvirt's stream ---- */

static ssize_t stream_result(int r)
{
    return r >= 0 ? r : r == -2 ? -EAGAIN : -EIO;
}

static ssize_t stream_read(void *userdata, void *to, size_t size)
{
    const struct served *served = userdata;
    return stream_result(virStreamRecv(served->stream, to, size));
}

static ssize_t stream_write(void *userdata, const void *bytes, size_t size)
{
    const struct served *served = userdata;
    return stream_result(virStreamSend(served->stream, bytes, size));
}

static void stream_want(void *userdata, bool is_read, bool is_write)
{
    const struct served *served = userdata;
    (void)virStreamEventUpdateCallback(served->stream,
                                       (is_read ? VIR_STREAM_EVENT_READABLE : 0) |
                                           (is_write ? VIR_STREAM_EVENT_WRITABLE : 0) |
                                           VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP);
}

static void on_stream(virStreamPtr stream, int events, void *userdata)
{
    const struct served *served = userdata;
    (void)stream;
    if (events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) {
        served->relay->has_ended = true;
        return;
    }
    relay_move(served->relay);
}

static int open_console(virDomainPtr domain, struct served *served, struct relay_end *ret,
                        struct error *err)
{
    served->stream = virStreamNew(virDomainGetConnect(domain), VIR_STREAM_NONBLOCK);
    if (!served->stream ||
        virDomainOpenConsole(domain, NULL, served->stream, VIR_DOMAIN_CONSOLE_SAFE) < 0) {
        return error_set(err, -EIO, "%s", virGetLastErrorMessage());
    }
    *ret = (struct relay_end){stream_read, stream_write, stream_want, served};
    return virStreamEventAddCallback(served->stream,
                                     VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP, on_stream,
                                     served, NULL) == 0
               ? 0
               : error_set(err, -EIO, "%s", virGetLastErrorMessage());
}

/* ---- the screen ---- */

/* libvirt counts all displays of a domain, in the order of its XML. Text in it has no bare '<'. */
static int find_vnc(const char *xml)
{
    int index = 0;
    for (const char *at = xml; (at = strstr(at, "<graphics type='")); at++, index++) {
        if (strncmp(at, "<graphics type='vnc'", 20) == 0) {
            return index;
        }
    }
    return -ENOENT;
}

/* Anyone who asks has shown by the secret that they may: no password is asked for. */
static int open_screen(virDomainPtr domain, struct served *served, struct relay_end *ret,
                       struct error *err)
{
    CLEANUP(freep) char *xml = virDomainGetXMLDesc(domain, 0);
    int index = xml ? find_vnc(xml) : -ENOENT;
    if (index < 0) {
        return error_set(err, -ENOENT,
                         "the VM has no VNC display: add <graphics type='vnc'/>, and "
                         "a <video> device, to its XML");
    }
    int fd = virDomainOpenGraphicsFD(domain, (unsigned)index, VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH);
    if (fd < 0) {
        return error_set(err, -EIO, "%s", virGetLastErrorMessage());
    }
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *ret = (struct relay_end){relay_fd_read, relay_fd_write, relay_fd_want, &served->fd};
    return relay_fd_begin(&served->fd, fd, served->relay, err);
}

/* ---- one session ---- */

/* A VM that Berth runs here; other domains of this host are none of the cluster's business. */
static virDomainPtr find_vm(virConnectPtr connection, const char *vm)
{
    struct domain_marker marker;
    virDomainPtr domain = virDomainLookupByName(connection, vm);
    CLEANUP(freep)
    char *xml = domain ? virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DOMAIN_NAMESPACE,
                                              VIR_DOMAIN_AFFECT_LIVE)
                       : NULL;
    if (domain && (!xml || !domain_marker_from_xml(xml, &marker) || strcmp(marker.vm, vm) != 0)) {
        (void)virDomainFree(domain);
        domain = NULL;
    }
    return domain;
}

enum wanted { WANTED_SCREEN, WANTED_CONSOLE, WANTED_DOMAINS };

struct screen_request {
    const char *vm, *actor;
    enum wanted wanted;
};

static int read_request(const json_t *request, struct screen_request *ret, struct error *err)
{
    const char *kind = json_string_value(json_object_get(request, "kind"));
    ret->vm = json_string_value(json_object_get(request, "vm"));
    ret->actor = json_string_value(json_object_get(request, "actor"));
    bool is_domains = kind && strcmp(kind, "domains") == 0;
    bool is_console = kind && strcmp(kind, "console") == 0;
    if (!kind || !ret->actor || (!is_console && !is_domains && strcmp(kind, "screen") != 0)) {
        return error_set(err, -EBADMSG, "this host does not know what is asked of it");
    }
    ret->wanted = is_domains ? WANTED_DOMAINS : is_console ? WANTED_CONSOLE : WANTED_SCREEN;
    return is_domains ? 0 : name_check("VM", ret->vm ? ret->vm : "", err);
}

static int open_vm(virConnectPtr connection, const struct screen_request *request,
                   struct served *served, struct relay_end *ret, struct error *err)
{
    if (request->wanted == WANTED_DOMAINS) {
        return screen_domains_begin(&served->domains, connection, ret, err);
    }
    virDomainPtr domain = find_vm(connection, request->vm);
    if (!domain) {
        return error_set(err, -ENOENT, "VM %s does not run on this host", request->vm);
    }
    int r = request->wanted == WANTED_CONSOLE ? open_console(domain, served, ret, err)
                                              : open_screen(domain, served, ret, err);
    (void)virDomainFree(domain);
    return r;
}

/* Names of others are shown, not obeyed. */
static void say(const struct screen_request *request, const char *what)
{
    char actor[name_size];
    (void)snprintf(actor, sizeof(actor), "%s", request->actor);
    for (char *at = actor; *at; at++) {
        *at = *at >= ' ' && *at != 0x7F ? *at : '?';
    }
    if (request->wanted == WANTED_DOMAINS) {
        (void)fprintf(stderr, "<%d>%s %s the list of libvirt's own VMs\n", LOG_NOTICE, actor, what);
        return;
    }
    (void)fprintf(stderr, "<%d>%s %s the %s of VM %s\n", LOG_NOTICE, actor, what,
                  request->wanted == WANTED_CONSOLE ? "serial console" : "screen", request->vm);
}

static int serve(struct channel *channel, virConnectPtr connection,
                 const struct screen_request *request, struct error *err)
{
    CLEANUP(freep) struct relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        return error_set(err, -ENOMEM, "out of memory");
    }
    struct served served = {.relay = relay};
    struct screen_channel_end end;
    int r = open_vm(connection, request, &served, &relay->ends[0], err);
    r = r < 0 ? r : channel_send(channel, json_pack("{s:b}", "open", 1), err);
    r = r < 0 ? r : screen_channel_begin(&end, channel, relay, &relay->ends[1], err);
    if (r == 0) {
        say(request, "looks at");
        (void)relay_run(relay);
        say(request, "left");
    }
    if (served.stream) {
        (void)virStreamAbort(served.stream);
    }
    free(served.domains.text);
    return r;
}

static void be_quiet(void *userdata, virErrorPtr error)
{
    (void)userdata, (void)error; /* it is told to who asks */
}

int screen_serve(int fd, const char *secret, const char *libvirt_uri)
{
    CLEANUP(channel_freep) struct channel *channel = NULL;
    CLEANUP(screen_json_done) json_t *asked = NULL;
    struct screen_request request;
    struct error err;
    virSetErrorFunc(NULL, be_quiet);
    int r = channel_greet(fd, secret, true, &channel, &err);
    r = r < 0 ? r : channel_receive(channel, request_limit_ms, &asked, &err);
    if (r < 0) {
        (void)fprintf(stderr, "<%d>someone without the cluster's secret was refused: %s\n",
                      LOG_WARNING, err.text);
        return EXIT_FAILURE;
    }
    r = read_request(asked, &request, &err);
    r = r < 0 ? r : screen_loop_begin(&err);
    virConnectPtr connection = r < 0 ? NULL : virConnectOpen(libvirt_uri);
    if (r == 0 && !connection) {
        r = error_set(&err, -EIO, "libvirt does not answer: %s", virGetLastErrorMessage());
    }
    r = r < 0 ? r : serve(channel, connection, &request, &err);
    if (r < 0) {
        (void)channel_send(channel, json_pack("{s:s}", "error", err.text), NULL);
    }
    if (connection) {
        (void)virConnectClose(connection);
    }
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
