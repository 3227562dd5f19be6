/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest: the smallest program that can prove a GPU was really handed to its virtual machine.
 *
 * It looks over PCI bus 0, places memory that the firmware left unplaced, and writes its tag into
 * the video memory of every display-class function. The lab reads that memory from outside the host
 * and so knows which virtual machine holds which card without believing anybody. Then it beats
 * about every five seconds, and with each beat reads its tags again: a card that two virtual
 * machines were given, or that was taken away, shows as TAG LOST on the serial line. Between the
 * beats it counts in the memory of each display (word 2): a card's reset leaves its memory as it
 * was, so a tag alone may be a dead guest's, but a tag with a moving pulse is not.
 *
 * Command line: "tag=HEX" (the tag; its display number N gets tag XOR N), "noshutdown" (ignore the
 * power button; otherwise it powers itself off), "count" (says its ticks, nine times a second: no
 * number is ever said twice, wherever it runs), "busy" (changes 2 MiB of its memory at each tick,
 * which is more than a slow network takes).
 *
 * Runs on the machine type "pc" with 32-bit addresses only, under qboot or SeaBIOS. No libc.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    serial_base = 0x3f8,
    pci_address_port = 0xcf8,
    pci_data_port = 0xcfc,

    function_bars_max = 6,
    displays_max = 8,
    command_line_size = 256,

    ticks_per_beat = 91, /* of 18.2 a second: five seconds */
    ticks_per_count = 2,
    busy_begin = 0x400000, /* above all of this program */
    busy_end = 0x600000,
    page_size = 4096,
    pulse_word = 2, /* of a display's memory */
};

struct pci_function {
    unsigned device, function;
    uint32_t id; /* vendor in the low half */
    uint32_t class_code;
};

struct bar {
    uint32_t address, size; /* size 0: none, or not reachable with 32 bits */
    bool is_memory;
};

struct display {
    volatile uint32_t *memory;
    uint32_t word_count;
    uint32_t tag;
};

/* Counted by interrupt_timer. */
volatile uint32_t timer_ticks;

static char command_line[command_line_size];
static struct display displays[displays_max];
static unsigned display_count, function_count, failure_count;

/*
 * Next free address for memory that firmware left unplaced. qboot places none of it. The machine
 * "pc" keeps 0xc0000000-0xfebfffff free for PCI while the machine has less than 3 GiB; the first
 * part is left to what SeaBIOS may have placed.
 */
static uint32_t memory_next = 0xc4000000;
static const uint32_t memory_end = 0xfe000000;

/* --- ports --- */

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static uint16_t in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* --- serial line --- */

static void serial_init(void)
{
    out8(serial_base + 1, 0);    /* no interrupts */
    out8(serial_base + 3, 0x80); /* divisor latch */
    out8(serial_base + 0, 1);    /* 115200 baud */
    out8(serial_base + 1, 0);
    out8(serial_base + 3, 3); /* 8 bits, no parity */
    out8(serial_base + 2, 7); /* FIFOs on and empty */
}

/* Never waits for ever: a guest without a reader must go on. */
static void put_char(char c)
{
    for (unsigned spin = 0; spin < 100000 && !(in8(serial_base + 5) & 0x20); spin++) {
    }
    out8(serial_base, (uint8_t)c);
}

static void put(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            put_char('\r');
        }
        put_char(*text);
    }
}

static void put_hex(uint32_t value, unsigned digits)
{
    while (digits-- > 0) {
        put_char("0123456789abcdef"[(value >> (4 * digits)) & 15]);
    }
}

static void put_decimal(uint32_t value)
{
    if (value >= 10) {
        put_decimal(value / 10);
    }
    put_char((char)('0' + value % 10));
}

/* --- command line --- */

/* What follows the first 'word' on the command line, or NULL. */
static const char *option(const char *word)
{
    for (const char *at = command_line; *at; at++) {
        unsigned i = 0;
        while (word[i] && at[i] == word[i]) {
            i++;
        }
        if (!word[i]) {
            return at + i;
        }
    }
    return 0;
}

static uint32_t option_hex(const char *word, uint32_t otherwise)
{
    const char *at = option(word);
    uint32_t value = 0;

    if (!at) {
        return otherwise;
    }
    for (;; at++) {
        if (*at >= '0' && *at <= '9') {
            value = value * 16 + (uint32_t)(*at - '0');
        } else if (*at >= 'a' && *at <= 'f') {
            value = value * 16 + (uint32_t)(*at - 'a' + 10);
        } else {
            return value;
        }
    }
}

/* Multiboot 0.6.96, 3.3: bit 2 of the flags says that the word at 16 is the command line. */
static void command_line_read(uint32_t magic, uint32_t info)
{
    const uint32_t *words = (const uint32_t *)info;
    const char *text;

    if (magic != 0x2badb002 || !(words[0] & 4)) {
        return;
    }
    text = (const char *)words[4];
    for (unsigned i = 0; i < command_line_size - 1 && text[i]; i++) {
        command_line[i] = text[i];
    }
}

/* --- PCI --- */

static void pci_select(const struct pci_function *f, unsigned reg)
{
    out32(pci_address_port, 0x80000000u | f->device << 11 | f->function << 8 | (reg & 0xfc));
}

static uint32_t pci_read(const struct pci_function *f, unsigned reg)
{
    pci_select(f, reg);
    return in32(pci_data_port);
}

static void pci_write(const struct pci_function *f, unsigned reg, uint32_t value)
{
    pci_select(f, reg);
    out32(pci_data_port, value);
}

/* An address for 'size' bytes (a power of two), or 0 when the space is used up. */
static uint32_t memory_place(uint32_t size)
{
    uint32_t align = size < 4096 ? 4096 : size;
    uint32_t address = (memory_next + align - 1) & ~(align - 1);

    if (address < memory_next || address >= memory_end || memory_end - address < align) {
        return 0;
    }
    memory_next = address + align;
    return address;
}

/*
 * Sizes the BAR at 'reg' (PCI Local Bus 3.0, 6.2.5.1) and places it if it is memory without an
 * address below 4 GiB. Returns how many BAR registers it takes: 2 for 64-bit memory.
 */
static unsigned bar_probe(const struct pci_function *f, unsigned reg, struct bar *ret_bar)
{
    uint32_t old = pci_read(f, reg), mask, high = 0;
    unsigned taken = 1;

    *ret_bar = (struct bar){0};
    pci_write(f, reg, ~0u);
    mask = pci_read(f, reg);
    pci_write(f, reg, old);
    if (mask == 0 || mask == ~0u) {
        return taken;
    }
    if (mask & 1) {
        *ret_bar = (struct bar){.address = old & ~3u, .size = (~(mask & ~3u) + 1) & 0xffff};
        return taken;
    }
    if ((mask & 6) == 4) {
        taken = 2;
        high = pci_read(f, reg + 4);
    }
    *ret_bar = (struct bar){.address = old & ~15u, .size = ~(mask & ~15u) + 1, .is_memory = true};
    if (ret_bar->size != 0 && (ret_bar->address == 0 || high != 0)) {
        ret_bar->address = memory_place(ret_bar->size);
        pci_write(f, reg, ret_bar->address | (old & 15));
        if (taken == 2) {
            pci_write(f, reg + 4, 0);
        }
    }
    if (ret_bar->address == 0) {
        ret_bar->size = 0;
    }
    return taken;
}

/* Sizes and places all BARs with decoding off, then turns decoding of memory on. */
static void function_enable(const struct pci_function *f, struct bar bars[function_bars_max])
{
    uint32_t command = pci_read(f, 4) & 0xffff;
    unsigned i = 0;

    pci_write(f, 4, command & ~3u);
    while (i < function_bars_max) {
        i += bar_probe(f, 0x10 + 4 * i, &bars[i]);
    }
    pci_write(f, 4, command | 2);
}

static void function_report(const struct pci_function *f, const struct bar bars[function_bars_max])
{
    put("guest: pci 00:");
    put_hex(f->device, 2);
    put(".");
    put_hex(f->function, 1);
    put(" ");
    put_hex(f->id & 0xffff, 4);
    put(":");
    put_hex(f->id >> 16, 4);
    put(" class ");
    put_hex(f->class_code, 6);
    for (unsigned i = 0; i < function_bars_max; i++) {
        if (bars[i].size == 0) {
            continue;
        }
        put(bars[i].is_memory ? " mem" : " io");
        put_decimal(i);
        put("=");
        put_hex(bars[i].address, 8);
        put("/");
        put_hex(bars[i].size, 8);
    }
    put("\n");
}

/* --- displays --- */

/* Four words far apart, the last of the memory among them: one page that works proves little. */
static uint32_t display_word(const struct display *d, unsigned probe)
{
    const uint32_t words[4] = {0, 1, 0x1000, d->word_count - 1};
    return words[probe];
}

static bool display_holds_tag(const struct display *d)
{
    for (unsigned probe = 0; probe < 4; probe++) {
        if (d->memory[display_word(d, probe)] != (d->tag ^ probe << 24)) {
            return false;
        }
    }
    return true;
}

static void display_take(const struct bar *bar)
{
    struct display *d = &displays[display_count];
    uint32_t before;
    bool ok;

    *d = (struct display){
        .memory = (volatile uint32_t *)bar->address,
        .word_count = bar->size / 4,
        .tag = option_hex("tag=", 0xbe47be47) ^ display_count,
    };
    before = d->memory[0];
    for (unsigned probe = 0; probe < 4; probe++) {
        d->memory[display_word(d, probe)] = d->tag ^ probe << 24;
    }
    ok = display_holds_tag(d);
    failure_count += !ok;
    put("guest: display ");
    put_decimal(display_count);
    put(" memory ");
    put_hex(bar->size, 8);
    put(" was ");
    put_hex(before, 8);
    put(" tag ");
    put_hex(d->tag, 8);
    put(ok ? " ok\n" : " FAILED\n");
    display_count++;
}

static void display_check(const struct display *d, unsigned number)
{
    if (display_holds_tag(d)) {
        return;
    }
    put("guest: TAG LOST display ");
    put_decimal(number);
    put(" expected ");
    put_hex(d->tag, 8);
    put(" found ");
    put_hex(d->memory[0], 8);
    put("\n");
}

/* --- power --- */

/*
 * The PIIX4 power management function (8086:7113): Intel 290562, 7.2. Its I/O base may be anywhere,
 * and under qboot it is nowhere until we say so. Returns the base, or 0 if there is no such
 * function (the domain was defined without ACPI).
 */
static uint16_t power_base(void)
{
    const struct pci_function f = {.device = 1, .function = 3};
    const uint16_t base = 0x600;

    if (pci_read(&f, 0) != 0x71138086) {
        return 0;
    }
    pci_write(&f, 0x40, base | 1);
    pci_write(&f, 0x80, pci_read(&f, 0x80) | 1); /* decode it */
    out16(base + 2, 0x100); /* without this bit QEMU does not record a press of the button */
    return base;
}

static bool power_button_pressed(uint16_t base)
{
    if (base == 0 || !(in16(base) & 0x100)) {
        return false;
    }
    out16(base, 0x100); /* written back to clear it */
    return true;
}

/* Soft off: sleep type 0 on this chip set, and the bit that makes it so. */
static void power_off(uint16_t base)
{
    out16((uint16_t)(base + 4), 0x2000);
}

/* --- timer --- */

struct __attribute__((packed)) interrupt_gate {
    uint16_t offset_low, selector;
    uint8_t zero, flags;
    uint16_t offset_high;
};

extern void interrupt_timer(void), interrupt_ignore(void);

static void timer_start(void)
{
    static struct interrupt_gate gates[256];
    const struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } table = {sizeof(gates) - 1, (uint32_t)gates};

    for (unsigned i = 0; i < 256; i++) {
        uint32_t handler = (uint32_t)(i == 0x20 ? interrupt_timer : interrupt_ignore);
        gates[i] = (struct interrupt_gate){
            .offset_low = (uint16_t)handler,
            .selector = 0x08,
            .flags = 0x8e,
            .offset_high = (uint16_t)(handler >> 16),
        };
    }
    __asm__ volatile("lidt %0" : : "m"(table), "m"(gates));

    /*
     * The processor's own controller lets the old ones through (Intel SDM 3A, 11.5.1: LINT0 as
     * ExtINT). SeaBIOS has done so already; qboot leaves it masked, and then no interrupt ever
     * arrives.
     */
    *(volatile uint32_t *)0xfee000f0 |= 0x100;
    *(volatile uint32_t *)0xfee00350 = 0x700;

    /* Both interrupt controllers: vectors from 0x20 and 0x28, only line 0 (the timer) open. */
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    out8(0x21, 0x20);
    out8(0xa1, 0x28);
    out8(0x21, 4);
    out8(0xa1, 2);
    out8(0x21, 1);
    out8(0xa1, 1);
    out8(0x21, 0xfe);
    out8(0xa1, 0xff);

    /* The timer at its slowest, 18.2 times a second. */
    out8(0x43, 0x34);
    out8(0x40, 0);
    out8(0x40, 0);
    __asm__ volatile("sti" : : : "memory");
}

/* --- the whole --- */

static void function_visit(const struct pci_function *f)
{
    struct bar bars[function_bars_max] = {0};

    function_count++;
    if ((pci_read(f, 0x0c) >> 16 & 0x7f) == 0) { /* not a bridge */
        function_enable(f, bars);
    }
    function_report(f, bars);
    if (f->class_code >> 16 != 3 || display_count == displays_max) {
        return;
    }
    for (unsigned i = 0; i < function_bars_max; i++) {
        if (bars[i].is_memory && bars[i].size >= 0x10000) { /* smaller ones are registers */
            display_take(&bars[i]);
            return;
        }
    }
}

static void bus_visit(void)
{
    for (unsigned device = 0; device < 32; device++) {
        for (unsigned function = 0; function < 8; function++) {
            struct pci_function f = {.device = device, .function = function};
            f.id = pci_read(&f, 0);
            if ((f.id & 0xffff) != 0xffff) {
                f.class_code = pci_read(&f, 8) >> 8;
                function_visit(&f);
            }
            if (function == 0 && ((f.id & 0xffff) == 0xffff || !(pci_read(&f, 0x0c) & 0x800000))) {
                break; /* empty, or a device of one function */
            }
        }
    }
}

static void result_report(void)
{
    put("guest: RESULT ");
    put(failure_count == 0 ? "PASS" : "FAIL");
    put(" functions=");
    put_decimal(function_count);
    put(" displays=");
    put_decimal(display_count);
    put("\n");
}

static void pulse(void)
{
    for (unsigned i = 0; i < display_count; i++) {
        displays[i].memory[pulse_word] = timer_ticks;
    }
}

static void beat(uint32_t number)
{
    for (unsigned i = 0; i < display_count; i++) {
        display_check(&displays[i], i);
    }
    put("guest: beat ");
    put_decimal(number);
    put("\n");
}

/*
 * QEMU before 9 does not notice, under TCG, that a page is written again after a migration has
 * looked at it, unless its translation was flushed meanwhile: another value of CR0.WP, which means
 * nothing here, does that. Then a write to the ticks makes it look at their page again.
 */
static void be_seen(void)
{
    uint32_t cr0;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 ^ 0x10000));
    __asm__ volatile("addl $0, %0" : "+m"(timer_ticks)); /* at once: its interrupt writes there */
}

static void count_on(void)
{
    static uint32_t last;
    uint32_t ticks = timer_ticks;
    be_seen();
    if (ticks - last >= ticks_per_count) {
        last = ticks;
        put("guest: count ");
        put_decimal(ticks);
        put("\n");
    }
}

static void be_busy(void)
{
    for (uint32_t page = busy_begin; page < busy_end; page += page_size) {
        *(volatile uint32_t *)page = timer_ticks;
    }
}

void guest_main(uint32_t magic, uint32_t info)
{
    uint32_t beats = 0, last = 0;
    bool counts, is_busy;
    uint16_t power;

    serial_init();
    command_line_read(magic, info);
    put("guest: hello, command line \"");
    put(command_line);
    put("\"\n");
    bus_visit();
    power = power_base();
    if (power == 0) {
        put("guest: no power button\n");
    }
    counts = option("count") != 0;
    is_busy = option("busy") != 0;
    timer_start();
    result_report();
    for (;;) {
        __asm__ volatile("hlt");
        pulse();
        if (counts) {
            count_on();
        }
        if (is_busy) {
            be_busy();
        }
        if (power_button_pressed(power)) {
            bool ignored = option("noshutdown") != 0;
            put(ignored ? "guest: power button ignored\n" : "guest: power button, off\n");
            if (!ignored) {
                power_off(power);
            }
        }
        if (timer_ticks - last >= ticks_per_beat) {
            last = timer_ticks;
            beat(++beats);
        }
    }
}
