/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/network.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <string.h>

enum { mapped_bits = 96 };

/* '*ret_first' is the first bit that is the address's own. */
static bool read_address(const char *text, unsigned char ret[static network_bytes],
                         unsigned *ret_first)
{
    static const unsigned char mapped[mapped_bits / 8] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret, mapped, sizeof(mapped));
    *ret_first = mapped_bits;
    if (inet_pton(AF_INET, text, ret + sizeof(mapped)) == 1) {
        return true;
    }
    *ret_first = 0;
    return inet_pton(AF_INET6, text, ret) == 1;
}

static bool is_in(const struct network *network, const unsigned char *bytes)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return memcmp(network->bytes, bytes, whole) == 0 &&
           (rest == 0 || (network->bytes[whole] & mask) == (bytes[whole] & mask));
}

bool network_parse(const char *text, struct network *ret)
{
    char copy[network_address_size + 4];
    unsigned first;
    uint64_t bits = 0;
    if (!copy_text(copy, sizeof(copy), text)) {
        return false;
    }
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash = '\0';
    }
    if (!read_address(copy, ret->bytes, &first) ||
        (slash && !parse_u64(slash + 1, 8 * network_bytes - first, &bits))) {
        return false;
    }
    ret->bits = slash ? first + (unsigned)bits : 8 * network_bytes;
    for (unsigned bit = ret->bits; bit < 8 * network_bytes; bit++) {
        if (ret->bytes[bit / 8] & 0x80u >> bit % 8) {
            return false; /* 10.0.0.7/8: is the host meant, or the network? */
        }
    }
    return true;
}

bool network_has(const struct network *networks, size_t len, const char *address)
{
    unsigned char bytes[network_bytes];
    unsigned first;
    return read_address(address, bytes, &first) && network_holds(networks, len, bytes);
}

bool network_holds(const struct network *networks, size_t len,
                   const unsigned char bytes[static network_bytes])
{
    for (size_t i = 0; i < len; i++) {
        if (is_in(&networks[i], bytes)) {
            return true;
        }
    }
    return false;
}

/* The element of a list with commas that ends at 'end', without blanks. */
static bool take_last(const char *text, const char **end, char ret[static network_address_size])
{
    const char *last = *end, *begin;
    while (last > text && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }
    for (begin = last; begin > text && begin[-1] != ',';) {
        begin--;
    }
    *end = begin > text ? begin - 1 : text;
    begin += strspn(begin, " \t");
    size_t len = begin < last ? (size_t)(last - begin) : 0;
    if (len == 0 || len >= network_address_size) {
        return false;
    }
    memcpy(ret, begin, len);
    ret[len] = '\0';
    return true;
}

void network_client(const struct network *proxies, size_t len, const char *peer,
                    const char *forwarded, char ret[static network_address_size])
{
    const char *end = forwarded ? forwarded + strlen(forwarded) : NULL;
    char before[network_address_size];
    unsigned char bytes[network_bytes];
    unsigned first;
    (void)copy_text(ret, network_address_size, peer);
    while (end && network_has(proxies, len, ret) && take_last(forwarded, &end, before) &&
           read_address(before, bytes, &first)) {
        (void)copy_text(ret, network_address_size, before);
        end = end > forwarded ? end : NULL;
    }
}
