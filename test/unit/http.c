/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP server in this process, and clients on loopback that do not behave. */
#include "test/test.h"

#include "http/certificate.h"
#include "http/http.h"
#include "http/network.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>

struct stage {
    sd_event *event;
    struct http_server *server;
    unsigned requests;
    unsigned closed;       /* of them */
    bool streams;          /* each answer is a stream, in which nothing comes */
    bool vouches;          /* for the one who sends it */
    const char *long_text; /* the answer, which may be compressed; NULL: "ok" */
    const char *client;    /* who is expected; NULL: the one who connects */
    struct sockaddr_in address;
};

static void on_request(void *userdata, struct http_exchange *exchange,
                       const struct http_request *request)
{
    struct stage *stage = userdata;
    stage->requests++;
    CHECK_STR(request->address, stage->client ? stage->client : "127.0.0.1");
    if (stage->vouches) {
        http_vouch(exchange);
    }
    if (stage->streams) {
        http_stream_begin(exchange, "text/event-stream");
        return;
    }
    const char *text = stage->long_text ? stage->long_text : "ok";
    http_reply(exchange, &(struct http_answer){.status = 200,
                                               .content_type = "text/plain",
                                               .etag = "\"7\"",
                                               .body = text,
                                               .body_size = strlen(text),
                                               .may_pack = stage->long_text != NULL});
}

static void on_closed(void *userdata, struct http_exchange *exchange)
{
    struct stage *stage = userdata;
    (void)exchange;
    stage->closed++;
}

static void begin_with(struct stage *stage, struct http_config config)
{
    static const struct http_handler handler = {.request = on_request, .closed = on_closed};
    socklen_t size = sizeof(stage->address);
    config.body_size_max = 1000;
    struct error err = {0};
    *stage = (struct stage){.address = {.sin_family = AF_INET}};
    stage->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    config.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    REQUIRE(bind(config.listen_fd, (const struct sockaddr *)&stage->address, size) == 0);
    REQUIRE(listen(config.listen_fd, 16) == 0);
    REQUIRE(getsockname(config.listen_fd, (struct sockaddr *)&stage->address, &size) == 0);
    REQUIRE(sd_event_new(&stage->event) == 0);
    REQUIRE(http_new(stage->event, &config, &handler, stage, &stage->server, &err) == 0);
}

static void begin(struct stage *stage, unsigned timeout_s)
{
    begin_with(stage, (struct http_config){.connections_max = 8, .timeout_s = timeout_s});
}

static void end(struct stage *stage)
{
    http_free(stage->server);
    sd_event_unref(stage->event);
}

static int client(const struct stage *stage)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(fd, (const struct sockaddr *)&stage->address, sizeof(stage->address)) == 0);
    return fd;
}

/* Whether the server has closed it; nothing was expected to come. */
static bool is_closed(int fd)
{
    char c;
    ssize_t got = recv(fd, &c, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

/* Serves until nothing is left to do for a moment. */
static void serve(struct stage *stage)
{
    int r;
    do {
        r = sd_event_run(stage->event, 50 * 1000);
        REQUIRE(r >= 0);
    } while (r > 0);
}

/* A byte twenty times a second: libmicrohttpd's own time-out never comes to pass. */
TEST(a_client_that_drips_its_request_is_cut_off_and_others_are_served_meanwhile)
{
    struct stage stage;
    begin(&stage, 1);
    int slow = client(&stage), fast = -1;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    CHECK(send(slow, "GET / HTTP/1.1\r\nX-Long: ", 24, MSG_NOSIGNAL) == 24);
    bool is_cut = false;
    for (unsigned i = 0; i < 500 && !is_cut; i++) {
        if (i == 3) {
            fast = client(&stage);
            CHECK(send(fast, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
        }
        (void)send(slow, "x", 1, MSG_NOSIGNAL);
        serve(&stage);
        is_cut = is_closed(slow);
    }
    CHECK(is_cut);
    CHECK_INT(stage.requests, 1);
    char answer[12] = "";
    CHECK(recv(fast, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    CHECK_STR(answer, "HTTP/1.1 20");
    (void)close(slow);
    (void)close(fast);
    end(&stage);
}

/* A page that is left closes its stream; one that is opened right after must not be refused for it.
 */
TEST(a_client_that_leaves_a_quiet_stream_is_forgotten_at_once)
{
    struct stage stage;
    begin(&stage, 60);
    stage.streams = true;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    int stays = client(&stage), leaves = client(&stage);
    CHECK(send(stays, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    CHECK(send(leaves, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    serve(&stage);
    CHECK_INT(stage.requests, 2);
    CHECK_INT(stage.closed, 0);
    (void)close(leaves);
    serve(&stage);
    CHECK_INT(stage.closed, 1);
    (void)close(stays);
    end(&stage);
    CHECK_INT(stage.closed, 2);
}

TEST(a_client_that_drips_its_body_is_cut_off)
{
    struct stage stage;
    begin(&stage, 1);
    int slow = client(&stage);
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
    CHECK(send(slow, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0);
    bool is_cut = false;
    for (unsigned i = 0; i < 500 && !is_cut; i++) {
        (void)send(slow, "x", 1, MSG_NOSIGNAL);
        serve(&stage);
        is_cut = is_closed(slow);
    }
    CHECK(is_cut);
    CHECK_INT(stage.requests, 0);
    (void)close(slow);
    end(&stage);
}

/* The status of the answer to 'request'; 0: the connection ended without one. */
static int status_of(struct stage *stage, const char *request)
{
    char answer[200] = "";
    int fd = client(stage), status = 0;
    CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    serve(stage);
    if (recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 9) {
        status = atoi(answer + 9);
    }
    (void)close(fd);
    serve(stage);
    return status;
}

TEST(a_request_that_two_servers_could_read_differently_is_refused)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
        "\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    };
    struct stage stage;
    begin(&stage, 5);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int status = status_of(&stage, bad[i]);
        if (stage.requests > 0 || (status != 400 && status != 0)) {
            test_fail(__FILE__, __LINE__, "%d, %u handled: %s", status, stage.requests, bad[i]);
        }
    }
    CHECK_INT(status_of(&stage, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    CHECK_INT(status_of(&stage, "GET / HTTP/1.0\r\n\r\n"), 200);
    CHECK_INT(status_of(&stage, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "2\r\nab\r\n0\r\n\r\n"),
              200);
    end(&stage);
}

TEST(a_client_that_says_nothing_is_cut_off_sooner_than_one_that_sends_a_body)
{
    struct stage stage;
    begin_with(&stage,
               (struct http_config){.connections_max = 8, .timeout_s = 30, .header_limit_s = 1});
    int silent = client(&stage), slow = client(&stage);
    static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n";
    CHECK(send(slow, head, sizeof(head) - 1, MSG_NOSIGNAL) > 0);
    for (unsigned i = 0; i < 100 && !is_closed(silent); i++) {
        serve(&stage);
    }
    CHECK(is_closed(silent));
    CHECK(!is_closed(slow));
    (void)close(silent);
    (void)close(slow);
    end(&stage);
}

/* Strangers fill the server, and one more comes in all the same. */
TEST(the_oldest_stranger_makes_room_and_one_that_is_known_stays)
{
    struct stage stage;
    int crowd[8], known;
    begin_with(&stage,
               (struct http_config){.connections_max = 8, .connections_kept = 4, .timeout_s = 30});
    stage.vouches = true;
    known = client(&stage);
    CHECK(send(known, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, MSG_NOSIGNAL) == 27);
    serve(&stage);
    CHECK_INT(stage.requests, 1);
    char answer[500];
    CHECK(recv(known, answer, sizeof(answer), MSG_DONTWAIT) > 0);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        crowd[i] = client(&stage);
        serve(&stage);
    }
    CHECK(is_closed(crowd[0]));
    CHECK(!is_closed(crowd[7]));
    CHECK(!is_closed(known));
    stage.vouches = false;
    CHECK_INT(status_of(&stage, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        (void)close(crowd[i]);
    }
    (void)close(known);
    end(&stage);
}

TEST(one_address_cannot_keep_more_connections_than_it_may)
{
    struct stage stage;
    int crowd[6];
    begin_with(&stage, (struct http_config){.connections_max = 8,
                                            .connections_per_address_max = 3,
                                            .timeout_s = 30});
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        crowd[i] = client(&stage);
        serve(&stage);
    }
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        CHECK_INT(is_closed(crowd[i]), i < 3);
        (void)close(crowd[i]);
    }
    end(&stage);
}

TEST(a_trusted_proxy_says_who_the_client_is_and_may_connect_as_often_as_it_likes)
{
    static const char forwarded[] =
        "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.9.9, 192.0.2.7\r\n\r\n";
    static const char twice[] = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.9.9.9\r\n"
                                "X-Forwarded-For: 192.0.2.7\r\n\r\n";
    struct network proxy;
    struct stage stage;
    REQUIRE(network_parse("127.0.0.0/8", &proxy));
    begin_with(&stage, (struct http_config){.connections_max = 8,
                                            .connections_per_address_max = 1,
                                            .timeout_s = 5,
                                            .proxies = &proxy,
                                            .proxy_len = 1});
    stage.client = "192.0.2.7";
    CHECK_INT(status_of(&stage, forwarded), 200);
    CHECK_INT(status_of(&stage, twice), 400);
    int crowd[3];
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        crowd[i] = client(&stage);
        serve(&stage);
    }
    for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
        CHECK(!is_closed(crowd[i]));
        (void)close(crowd[i]);
    }
    end(&stage);
    begin(&stage, 5); /* no other is believed */
    CHECK_INT(status_of(&stage, forwarded), 200);
    end(&stage);
}

TEST(the_last_address_that_no_trusted_proxy_has_is_the_clients)
{
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"10.0.0.5", NULL, "10.0.0.5"},
        {"10.0.0.5", "192.0.2.1", "192.0.2.1"},
        {"10.0.0.5", "198.51.100.1,192.0.2.1 , 10.0.0.6", "192.0.2.1"},
        {"10.0.0.5", "10.0.0.7, 10.0.0.6", "10.0.0.7"},
        {"192.0.2.9", "198.51.100.1", "192.0.2.9"},
        {"10.0.0.5", "192.0.2.1, unknown", "10.0.0.5"},
        {"10.0.0.5", "192.0.2.1,", "10.0.0.5"},
        {"10.0.0.5", "", "10.0.0.5"},
        {"10.0.0.5", "192.0.2.1:4711", "10.0.0.5"},
        {"::ffff:10.0.0.5", "2001:db8::1", "2001:db8::1"},
        {"fd00::1", "fd00::2, 10.0.0.9", "fd00::2"},
        {"10.0.1.5", "192.0.2.1", "10.0.1.5"},
    };
    struct network proxies[2];
    REQUIRE(network_parse("10.0.0.0/24", &proxies[0]) && network_parse("fd00::1", &proxies[1]));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char client[network_address_size];
        network_client(proxies, ARRAY_LEN(proxies), cases[i].peer, cases[i].forwarded, client);
        CHECK_STR(client, cases[i].client);
    }
}

/* The answer to a request with this header line, into 'ret', which ends with a NUL; its size. */
static size_t answer_to(struct stage *stage, const char *line, char *ret, size_t size)
{
    char request[200];
    size_t got = 0;
    int fd = client(stage);
    (void)snprintf(request, sizeof(request),
                   "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", line);
    CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    for (ssize_t r = -1; r != 0;) {
        serve(stage);
        r = recv(fd, ret + got, size - 1 - got, MSG_DONTWAIT);
        REQUIRE(r >= 0 || errno == EAGAIN);
        got += r > 0 ? (size_t)r : 0;
    }
    ret[got] = '\0';
    (void)close(fd);
    return got;
}

/* Takes the chunks of a body apart, in place; the size of what was in them. */
static size_t join_chunks(char *body)
{
    char *to = body, *at = body;
    for (size_t size; (size = strtoul(at, &at, 16)) > 0; at += size + 2) {
        at += 2;
        memmove(to, at, size);
        to += size;
    }
    return (size_t)(to - body);
}

TEST(a_long_answer_is_compressed_for_who_accepts_that_and_only_if_it_may_be)
{
    enum { text_size = 300 * 1000 };
    static char text[text_size + 1], answer[2 * text_size], back[text_size + 1];
    struct stage stage;
    begin(&stage, 10);
    uint32_t random = 1;
    for (size_t i = 0; i < text_size; i++) { /* more than one piece also when it is compressed */
        random = random * 1664525 + 1013904223;
        text[i] = (char)('a' + (random >> 24) % 16);
    }
    stage.long_text = text;
    size_t packed =
        answer_to(&stage, "Accept-Encoding: deflate, gzip;q=0.5\r\n", answer, sizeof(answer));
    char *body = strstr(answer, "\r\n\r\n");
    REQUIRE(body);
    CHECK(packed < text_size * 2 / 3);
    CHECK_HAS(answer, "\r\nContent-Encoding: gzip\r\n");
    CHECK_HAS(answer, "\r\nVary: Accept-Encoding\r\n");
    CHECK_HAS(answer, "\r\nETag: W/\"7\"\r\n");
    z_stream stream = {.next_in = (unsigned char *)body + 4,
                       .next_out = (unsigned char *)back,
                       .avail_out = text_size};
    stream.avail_in = (uInt)join_chunks(body + 4);
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    CHECK_INT(inflate(&stream, Z_FINISH), Z_STREAM_END);
    CHECK_INT(stream.total_out, text_size);
    CHECK(memcmp(back, text, text_size) == 0);
    (void)inflateEnd(&stream);
    static const char *const refusals[] = {"", "Accept-Encoding: gzip;q=0\r\n",
                                           "Accept-Encoding: gzip;Q=0\r\n",
                                           "Accept-Encoding: gzip; q=0.0, br\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        CHECK(answer_to(&stage, refusals[i], answer, sizeof(answer)) > text_size);
        CHECK(!strstr(answer, "Content-Encoding"));
        CHECK_HAS(answer, "\r\nVary: Accept-Encoding\r\n");
        CHECK_HAS(answer, "\r\nETag: \"7\"\r\n");
    }
    stage.long_text = NULL; /* one that may not be */
    (void)answer_to(&stage, "Accept-Encoding: gzip\r\n", answer, sizeof(answer));
    CHECK(!strstr(answer, "Content-Encoding") && strstr(answer, "\r\n\r\nok"));
    end(&stage);
}

TEST(networks_are_read_strictly)
{
    static const char *const bad[] = {"",          "10.0.0",       "10.0.0.1/33", "10.0.0.1/8",
                                      "10.0.0.0/", "10.0.0.0/-1",  "fd00::/129",  "fd00::1/8",
                                      "x",         "10.0.0.0/8/8", "10.0.0.0 /8", "1.2.3.4.5"};
    struct network network;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(!network_parse(bad[i], &network));
    }
    REQUIRE(network_parse("0.0.0.0/0", &network));
    CHECK(network_has(&network, 1, "203.0.113.1") && !network_has(&network, 1, "fd00::1"));
    REQUIRE(network_parse("10.1.2.128/25", &network));
    CHECK(network_has(&network, 1, "10.1.2.200") && !network_has(&network, 1, "10.1.2.100"));
}

TEST(addresses_to_listen_at_are_read_strictly)
{
    static const char *const wrong[] = {"",
                                        ":",
                                        "8643",
                                        "localhost:8643",
                                        "127.0.0.1",
                                        "::1:8643",
                                        "[::1]",
                                        "[127.0.0.1]:8643",
                                        "127.0.0.1:0",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:x",
                                        "[]:8643"};
    char host[http_address_size];
    unsigned port;
    struct error err;
    REQUIRE(http_address_parse("127.0.0.1:8643", host, &port, &err) == 0);
    CHECK_STR(host, "127.0.0.1");
    CHECK_INT(port, 8643);
    REQUIRE(http_address_parse("[::]:443", host, &port, &err) == 0);
    CHECK_STR(host, "::");
    CHECK_INT(port, 443);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK_INT(http_address_parse(wrong[i], host, &port, &err), -EINVAL);
        CHECK_HAS(err.text, "is no address and port");
    }
}

TEST(a_certificate_fits_its_own_key_only)
{
    static const char *const names[] = {"node1", "127.0.0.1", "::1"};
    char *certificate, *key, *other, *other_key;
    struct certificate_facts facts;
    struct error err = {0};
    REQUIRE(certificate_make(names, ARRAY_LEN(names), &certificate, &key, &err) == 0);
    REQUIRE(certificate_make(names, ARRAY_LEN(names), &other, &other_key, &err) == 0);
    CHECK_INT(certificate_check(certificate, key, &facts, &err), 0);
    CHECK_INT(strlen(facts.fingerprint), 95);
    CHECK(facts.is_valid_now && strlen(facts.until) == 20);
    CHECK_INT(certificate_check(certificate, other_key, &facts, &err), -EINVAL);
    CHECK_HAS(err.text, "another certificate's");
    CHECK_INT(certificate_check("nonsense", key, &facts, &err), -EINVAL);
    CHECK_HAS(err.text, "the certificate cannot be read");
    CHECK_INT(certificate_check(certificate, "nonsense", &facts, &err), -EINVAL);
    CHECK_HAS(err.text, "the key cannot be read");
    free(certificate);
    free(key);
    free(other);
    free(other_key);
}

TEST(an_authority_signs_certificates_of_others)
{
    static const char *const names[] = {"node1", "10.0.0.1"};
    char *certificate = NULL, *key = NULL, *authority = NULL, *authority_key = NULL;
    struct certificate_facts facts;
    struct error err = {0};
    const struct certificate_order ca = {
        .common_name = "Authority", .is_authority = true, .days = 20};
    REQUIRE(certificate_issue(&ca, &authority, &authority_key, &err) == 0);
    const struct certificate_order order = {
        .organization = "Host",
        .names = names,
        .name_len = ARRAY_LEN(names),
        .is_server = true,
        .is_client = true,
        .days = 10,
        .authority = authority,
        .authority_key = authority_key,
    };
    REQUIRE(certificate_issue(&order, &certificate, &key, &err) == 0);
    CHECK_INT(certificate_check(certificate, key, &facts, &err), 0);
    CHECK(facts.is_valid_now);
    gnutls_x509_crt_t trusted, signed_one;
    unsigned verdict = 0;
    const gnutls_datum_t ca_text = {(void *)authority, (unsigned)strlen(authority)};
    const gnutls_datum_t text = {(void *)certificate, (unsigned)strlen(certificate)};
    REQUIRE(gnutls_x509_crt_init(&trusted) == 0 && gnutls_x509_crt_init(&signed_one) == 0);
    REQUIRE(gnutls_x509_crt_import(trusted, &ca_text, GNUTLS_X509_FMT_PEM) == 0);
    REQUIRE(gnutls_x509_crt_import(signed_one, &text, GNUTLS_X509_FMT_PEM) == 0);
    CHECK_INT(gnutls_x509_crt_verify(signed_one, &trusted, 1, 0, &verdict), 0);
    CHECK_INT(verdict, 0);
    gnutls_x509_crt_deinit(trusted);
    /* A new certificate of the same authority will do as well. */
    char *again = NULL, *same_key = NULL;
    struct certificate_order renewal = ca;
    renewal.own_key = authority_key;
    renewal.days = 40;
    REQUIRE(certificate_issue(&renewal, &again, &same_key, &err) == 0);
    CHECK_STR(same_key, authority_key);
    CHECK_INT(certificate_check(again, authority_key, &facts, &err), 0);
    CHECK_INT(facts.days, 41);
    CHECK(facts.days_left == 39 || facts.days_left == 40);
    const gnutls_datum_t again_text = {(void *)again, (unsigned)strlen(again)};
    REQUIRE(gnutls_x509_crt_init(&trusted) == 0);
    REQUIRE(gnutls_x509_crt_import(trusted, &again_text, GNUTLS_X509_FMT_PEM) == 0);
    CHECK_INT(gnutls_x509_crt_verify(signed_one, &trusted, 1, 0, &verdict), 0);
    CHECK_INT(verdict, 0);
    gnutls_x509_crt_deinit(trusted);
    free(again);
    free(same_key);
    CHECK(certificate_is_from(certificate, authority));
    CHECK(certificate_is_for(certificate, "node1") && certificate_is_for(certificate, "10.0.0.1"));
    CHECK(!certificate_is_for(certificate, "node2") && !certificate_is_for("x", "node1"));
    /* Nor is another one of the same key, with another name, its authority. */
    renewal.common_name = "Other";
    REQUIRE(certificate_issue(&renewal, &again, &same_key, &err) == 0);
    CHECK(!certificate_is_from(certificate, again) && !certificate_is_from(certificate, "x"));
    /* It may be any of several in one text; a name is that of one alone. */
    char both[8000];
    CHECK(certificate_is_called(again, "Other") && !certificate_is_called(again, "Othe"));
    CHECK(!certificate_is_called("x", "Other"));
    (void)snprintf(both, sizeof(both), "%s%s", again, authority);
    CHECK(certificate_is_from(certificate, both) && !certificate_is_called(both, "Other"));
    free(again);
    free(same_key);
    /* Another authority, even of the same name, has not signed it. */
    char *other = NULL, *other_key = NULL;
    REQUIRE(certificate_issue(&ca, &other, &other_key, &err) == 0);
    const gnutls_datum_t other_text = {(void *)other, (unsigned)strlen(other)};
    REQUIRE(gnutls_x509_crt_init(&trusted) == 0);
    REQUIRE(gnutls_x509_crt_import(trusted, &other_text, GNUTLS_X509_FMT_PEM) == 0);
    CHECK_INT(gnutls_x509_crt_verify(signed_one, &trusted, 1, 0, &verdict), 0);
    CHECK(verdict != 0);
    CHECK(!certificate_is_from(certificate, other));
    gnutls_x509_crt_deinit(trusted);
    free(other);
    free(other_key);
    gnutls_x509_crt_deinit(signed_one);
    free(certificate);
    free(key);
    free(authority);
    free(authority_key);
}
