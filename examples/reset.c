/*
 * Resets backend connections through the C ABI.
 *
 *   reset ID...      resets the backends with these resource ids
 *   reset < FILE     resets a fleet: one resource id a line, however many
 *
 * Who is calling and where to comes from the environment (AZURE_ACCESS_TOKEN, AZURE_CLIENT_ID, ...; see README.md).
 * Exit code: 0 when every reset was accepted, 1 when one was not, 2 when nothing could be done.
 *
 *   cc -Iinclude examples/reset.c -Ltarget/release -lapim_backend_connection -o reset
 */
#include "apim_backend_connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Long enough for any resource id, each of whose bytes may become six ("\u0001"), and the JSON around it. */
enum { ITEM_SIZE = 16 * 1024, LINE_SIZE = 2048 };

static void print_and_free(FILE *to, const char *what, apimbc_buffer *text)
{
    fprintf(to, "%s: %.*s\n", what, (int)apimbc_buffer_length(text), (const char *)apimbc_buffer_data(text));
    apimbc_buffer_free(text);
}

/* A number of the progress, which is a flat object as far as its numbers go; a program of yours would use its JSON parser. */
static uint64_t number_in(const apimbc_buffer *json, const char *name)
{
    char text[1024], member[64];
    snprintf(text, sizeof text, "%.*s", (int)apimbc_buffer_length(json), (const char *)apimbc_buffer_data(json));
    int length = snprintf(member, sizeof member, "\"%s\":", name);
    const char *found = strstr(text, member);
    return found == NULL ? 0 : strtoull(found + length, NULL, 10);
}

/* Writes {"id":"..."}; the length, or 0 when the id is too long. */
static size_t make_item(char *item, size_t size, const char *id)
{
    if (strlen(id) >= LINE_SIZE)
        return 0;
    int length = snprintf(item, size, "{\"id\":\"");
    for (const unsigned char *c = (const unsigned char *)id; *c; c++) {
        const char *format = *c < 0x20 ? "\\u%04x" : (*c == '"' || *c == '\\') ? "\\%c" : "%c";
        length += snprintf(item + length, size - (size_t)length, format, *c);
    }
    length += snprintf(item + length, size - (size_t)length, "\"}");
    return (size_t)length;
}

/* Takes one event, waiting for at most timeout_ms. */
static apimbc_status take_event(apimbc_session *session, uint32_t timeout_ms, uint64_t *unsuccessful)
{
    uint32_t kind;
    uint64_t number;
    apimbc_buffer *event;
    apimbc_status status = apimbc_session_next(session, timeout_ms, &kind, &number, &event);
    if (status != APIMBC_STATUS_OK)
        return status;
    if (kind == APIMBC_EVENT_KIND_RESULT) {
        /* Only what did not succeed comes as an event here: see successEvents below. */
        char what[32];
        snprintf(what, sizeof what, "item %" PRIu64, number);
        print_and_free(stderr, what, event);
        ++*unsuccessful;
    } else {
        print_and_free(stderr, kind == APIMBC_EVENT_KIND_FATAL ? "fatal" : "log", event);
    }
    return status;
}

/* Hands one backend to the session, taking events while there is no room. */
static apimbc_status submit(apimbc_session *session, const char *id, uint64_t *unsuccessful)
{
    char item[ITEM_SIZE];
    size_t length = make_item(item, sizeof item, id);
    if (length == 0) {
        fprintf(stderr, "too long for a resource id: %.60s...\n", id);
        return APIMBC_STATUS_INVALID_ARGUMENT;
    }
    for (;;) {
        apimbc_status status = apimbc_session_submit(session, (const uint8_t *)item, length, 1000);
        if (status != APIMBC_STATUS_PENDING && status != APIMBC_STATUS_READY)
            return status;
        while (take_event(session, 0, unsuccessful) == APIMBC_STATUS_OK) {
        }
        if (status == APIMBC_STATUS_READY)
            return APIMBC_STATUS_OK;
    }
}

static apimbc_status submit_all(apimbc_session *session, int count, char **ids, uint64_t *unsuccessful)
{
    apimbc_status status = APIMBC_STATUS_OK;
    for (int i = 0; i < count && status == APIMBC_STATUS_OK; i++)
        status = submit(session, ids[i], unsuccessful);
    if (count > 0)
        return status;

    char line[LINE_SIZE + 2];
    while (status == APIMBC_STATUS_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0')
            status = submit(session, line, unsuccessful);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (apimbc_abi_version() != APIMBC_ABI_VERSION) {
        fprintf(stderr, "the library has ABI %" PRIu32 ", this program needs %d\n", apimbc_abi_version(), APIMBC_ABI_VERSION);
        return 2;
    }

    const char options[] = "{\"successEvents\":false}";
    apimbc_session *session;
    apimbc_buffer *error = NULL;
    if (apimbc_session_new((const uint8_t *)options, sizeof options - 1, NULL, 0, &session, &error) != APIMBC_STATUS_OK) {
        print_and_free(stderr, "no session", error);
        return 2;
    }

    uint64_t unsuccessful = 0;
    apimbc_status status = submit_all(session, argc - 1, argv + 1, &unsuccessful);
    if (status != APIMBC_STATUS_OK) {
        fprintf(stderr, "stopped: status %d\n", (int)status);
        apimbc_session_free(session);
        return 2;
    }
    apimbc_session_finish(session);
    while ((status = take_event(session, 1000, &unsuccessful)) != APIMBC_STATUS_DONE) {
        if (status != APIMBC_STATUS_OK && status != APIMBC_STATUS_PENDING) {
            fprintf(stderr, "stopped: status %d\n", (int)status);
            apimbc_session_free(session);
            return 2;
        }
    }

    apimbc_buffer *progress = NULL;
    apimbc_session_progress(session, &progress);
    printf("%" PRIu64 " of %" PRIu64 " resets accepted\n", number_in(progress, "succeeded"), number_in(progress, "submitted"));
    apimbc_buffer_free(progress);
    apimbc_session_free(session);
    return unsuccessful == 0 ? 0 : 1;
}
