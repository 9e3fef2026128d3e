/*
 * Runs a session with secrets, frees it, and waits, so that its parent can look for them in its memory.
 *
 *   wiped ID LENGTH    LENGTH bytes of standard input are the environment: NAME=value entries, each with a NUL after it
 *
 * Keeps no copy of them itself. Says how many resets succeeded, then waits for the end of its input.
 */
#include "apim_backend_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 64 * 1024 };

static char environment[SIZE];
#if APIMBC_ABI_VERSION == 1
static char options[2 * SIZE];
#else
static const char options[] = "{}";
#endif

static void wipe(volatile char *bytes, size_t length)
{
    while (length-- > 0)
        *bytes++ = 0;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

int main(int count, char **arguments)
{
    if (count != 3)
        fail("usage: wiped ID LENGTH");
    size_t length = (size_t)strtoul(arguments[2], NULL, 10), have = 0;
    if (length > SIZE)
        fail("too long");
    while (have < length) {
        ssize_t more = read(0, environment + have, length - have);
        if (more <= 0)
            fail("the environment is cut off");
        have += (size_t)more;
    }

    apimbc_session *session;
    apimbc_status status;
#if APIMBC_ABI_VERSION == 1
    size_t at = (size_t)sprintf(options, "{\"environment\":{");
    for (const char *entry = environment; entry < environment + length; entry += strlen(entry) + 1) {
        const char *sign = strchr(entry, '=');
        at += (size_t)sprintf(options + at, "%s\"%.*s\":\"%s\"", entry == environment ? "" : ",", (int)(sign - entry), entry,
                              sign + 1);
    }
    at += (size_t)sprintf(options + at, "}}");
    status = apimbc_session_new((const uint8_t *)options, at, &session, NULL);
    wipe(options, sizeof options);
#else
    status = apimbc_session_new((const uint8_t *)options, strlen(options), (const uint8_t *)environment, length, &session,
                                NULL);
#endif
    wipe(environment, sizeof environment);
    if (status != APIMBC_STATUS_OK)
        fail("no session");

    char item[4096];
    int item_length = snprintf(item, sizeof item, "{\"id\":\"%s\"}", arguments[1]);
    status = apimbc_session_submit(session, (const uint8_t *)item, (size_t)item_length, 1000);
    if (status != APIMBC_STATUS_OK && status != APIMBC_STATUS_READY)
        fail("the item was not taken");
    apimbc_session_finish(session);
    int succeeded = 0;
    for (;;) {
        uint32_t kind;
        uint64_t number;
        apimbc_buffer *event;
        status = apimbc_session_next(session, 60000, &kind, &number, &event);
        if (status != APIMBC_STATUS_OK)
            break;
        const char *text = (const char *)apimbc_buffer_data(event);
        size_t size = apimbc_buffer_length(event);
        if (kind == APIMBC_EVENT_KIND_RESULT && size >= 22 && memcmp(text, "{\"outcome\":\"succeeded\"", 22) == 0)
            succeeded++;
        else
            fprintf(stderr, "%.*s\n", (int)size, text);
        apimbc_buffer_free(event);
    }
    apimbc_session_free(session);
    printf("%d succeeded\n", succeeded);
    fflush(stdout);
    char byte;
    return read(0, &byte, 1) != 0;
}
