/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

/* The running test; one thread, one program. */
static struct test *first, **last = &first;
static jmp_buf leave;
static const char *skipped;
static int failures;

void test_register(struct test *test)
{
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("# %s:%d: ", file, line);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    failures++;
}

void test_abandon(void)
{
    longjmp(leave, 1);
}

void test_skip(const char *why)
{
    skipped = why;
    longjmp(leave, 1);
}

static bool is_selected(const struct test *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(test->name, argv[i])) {
            return true;
        }
    }
    return argc == 1;
}

/* Runs 'test' up to its end or the place where it gave up. */
static void run_one(const struct test *test)
{
    failures = 0;
    skipped = NULL;
    if (setjmp(leave) == 0) {
        test->run();
    }
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test *test = first; test; test = test->next) {
        if (!is_selected(test, argc, argv)) {
            continue;
        }
        run_one(test);
        failed += failures > 0;
        printf("%s %d - %s%s%s\n", failures ? "not ok" : "ok", ++number, test->name,
               skipped ? " # SKIP " : "", skipped ? skipped : "");
    }
    printf("1..%d\n", number);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
