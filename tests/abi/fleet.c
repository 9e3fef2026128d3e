/*
 * Sends a fleet through one session, submitting and taking results by turns, and checks that each item ends once and in
 * order. Then begins a second session, cancels it in the middle, and checks that every item of it is accounted for.
 *
 *   fleet RESOURCE-ID-UP-TO-THE-NAME COUNT
 *
 * Where to send and with what token comes from the environment. Exit code 0 when all was well.
 */
#include "apim_backend_connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet {
    apimbc_session *session;
    uint64_t submitted;
    uint64_t ended;
    uint64_t succeeded;
    uint64_t cancelled;
};

static void fail(const char *what, long value)
{
    fprintf(stderr, "%s: %ld\n", what, value);
    exit(1);
}

static int says(const apimbc_buffer *event, const char *text)
{
    const uint8_t *data = apimbc_buffer_data(event);
    size_t length = apimbc_buffer_length(event), wanted = strlen(text);
    for (size_t at = 0; at + wanted <= length; at++)
        if (memcmp(data + at, text, wanted) == 0)
            return 1;
    return 0;
}

/* A number of the progress. */
static uint64_t number_in(const apimbc_buffer *json, const char *name)
{
    char text[1024], member[64];
    snprintf(text, sizeof text, "%.*s", (int)apimbc_buffer_length(json), (const char *)apimbc_buffer_data(json));
    int length = snprintf(member, sizeof member, "\"%s\":", name);
    const char *found = strstr(text, member);
    if (found == NULL)
        fail(name, -1);
    return strtoull(found + length, NULL, 10);
}

static struct fleet begin(void)
{
    struct fleet fleet = {0};
    apimbc_buffer *error = NULL;
    apimbc_status status = apimbc_session_new(NULL, 0, NULL, 0, &fleet.session, &error);
    if (status != APIMBC_STATUS_OK) {
        fprintf(stderr, "%.*s\n", (int)apimbc_buffer_length(error), (const char *)apimbc_buffer_data(error));
        apimbc_buffer_free(error);
        fail("session_new", status);
    }
    return fleet;
}

/* Takes one event, waiting for at most timeout_ms. */
static apimbc_status take(struct fleet *fleet, uint32_t timeout_ms)
{
    uint32_t kind = 0;
    uint64_t number = 0;
    apimbc_buffer *event = NULL;
    apimbc_status status = apimbc_session_next(fleet->session, timeout_ms, &kind, &number, &event);
    if (status != APIMBC_STATUS_OK)
        return status;
    if (kind != APIMBC_EVENT_KIND_RESULT) {
        fprintf(stderr, "%.*s\n", (int)apimbc_buffer_length(event), (const char *)apimbc_buffer_data(event));
        fail("an event that was not asked for", (long)kind);
    }
    if (number != fleet->ended)
        fail("a result out of order", (long)number);
    fleet->ended++;
    fleet->succeeded += says(event, "\"outcome\":\"succeeded\"");
    fleet->cancelled += says(event, "\"outcome\":\"cancelled\"");
    apimbc_buffer_free(event);
    return status;
}

static void submit(struct fleet *fleet, const char *prefix, uint64_t number)
{
    char item[1024];
    int length = snprintf(item, sizeof item, "{\"id\":\"%s%" PRIu64 "\",\"after\":%" PRIu64 "}", prefix, number, number);
    if (length < 0 || (size_t)length >= sizeof item)
        fail("the resource id is too long", (long)strlen(prefix));
    for (;;) {
        apimbc_status status = apimbc_session_submit(fleet->session, (const uint8_t *)item, (size_t)length, 1000);
        if (status == APIMBC_STATUS_OK || status == APIMBC_STATUS_READY) {
            fleet->submitted++;
            if (status == APIMBC_STATUS_READY)
                take(fleet, 0);
            return;
        }
        if (status != APIMBC_STATUS_PENDING)
            fail("submit", status);
        while (take(fleet, 0) == APIMBC_STATUS_OK) {
        }
    }
}

static void take_the_rest(struct fleet *fleet)
{
    apimbc_status status;
    while ((status = take(fleet, 60000)) == APIMBC_STATUS_OK) {
    }
    if (status != APIMBC_STATUS_DONE)
        fail("the session did not end", status);
    if (fleet->ended != fleet->submitted)
        fail("results", (long)fleet->ended);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: fleet RESOURCE-ID-UP-TO-THE-NAME COUNT; arguments", argc - 1);
    uint64_t count = strtoull(argv[2], NULL, 10);

    struct fleet whole = begin();
    for (uint64_t i = 1; i <= count; i++)
        submit(&whole, argv[1], i);
    if (apimbc_session_finish(whole.session) != APIMBC_STATUS_OK)
        fail("finish", 0);
    take_the_rest(&whole);
    apimbc_session_free(whole.session);

    struct fleet broken_off = begin();
    for (uint64_t i = 1; i <= count; i++)
        submit(&broken_off, argv[1], i);
    if (apimbc_session_cancel(broken_off.session) != APIMBC_STATUS_OK)
        fail("cancel", 0);
    take_the_rest(&broken_off);
    apimbc_buffer *progress = NULL;
    if (apimbc_session_progress(broken_off.session, &progress) != APIMBC_STATUS_OK)
        fail("progress", 0);
    uint64_t succeeded = number_in(progress, "succeeded"), cancelled = number_in(progress, "cancelled");
    if (succeeded + cancelled != count || succeeded != broken_off.succeeded || cancelled != broken_off.cancelled)
        fail("items lost", (long)(succeeded + cancelled));
    apimbc_buffer_free(progress);
    uint64_t delivered = 0;
    if (apimbc_session_delivered(broken_off.session, &delivered) != APIMBC_STATUS_OK || delivered != count)
        fail("delivered", (long)delivered);
    apimbc_session_free(broken_off.session);

    /* Freed as it stands, with everything still to do. */
    struct fleet dropped = begin();
    for (uint64_t i = 1; i <= 10 && i <= count; i++)
        submit(&dropped, argv[1], i);
    apimbc_session_free(dropped.session);

    printf("%" PRIu64 " of %" PRIu64 " succeeded\n", whole.succeeded, whole.submitted);
    return whole.succeeded == count ? 0 : 1;
}
