/*
 * Calls every function with arguments that make no sense: each must answer with a status, and none may crash, touch
 * memory that is not its own, or lose any. Exit code 0 when every answer was as documented.
 */
#include "apim_backend_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *call, long got, long wanted)
{
    if (got != wanted) {
        fprintf(stderr, "%s: %ld, not %ld\n", call, got, wanted);
        failures++;
    }
}

#define EXPECT(call, wanted) expect(#call, (long)(call), (long)(wanted))

static const uint8_t *bytes(const char *text)
{
    return (const uint8_t *)text;
}

/* A handle that was never given out. */
static void *made_up(uintptr_t value)
{
    return (void *)value;
}

static void without_a_session(void)
{
    apimbc_session *made_up_sessions[] = {NULL, made_up(1), made_up(0xdeadbeef), made_up(UINTPTR_MAX)};
    for (size_t i = 0; i < sizeof made_up_sessions / sizeof *made_up_sessions; i++) {
        apimbc_session *session = made_up_sessions[i];
        apimbc_status wanted = session == NULL ? APIMBC_STATUS_NULL_ARGUMENT : APIMBC_STATUS_INVALID_ARGUMENT;
        uint32_t kind;
        uint64_t number;
        apimbc_buffer *event, *progress;
        EXPECT(apimbc_session_submit(session, bytes("{}"), 2, 0), wanted);
        EXPECT(apimbc_session_next(session, 0, &kind, &number, &event), wanted);
        EXPECT(apimbc_session_progress(session, &progress), wanted);
        EXPECT(apimbc_session_delivered(session, &number), wanted);
        EXPECT(apimbc_session_answer_token(session, 1, bytes("x"), 1, 0), wanted);
        EXPECT(apimbc_session_refuse_token(session, 1, bytes("x"), 1), wanted);
        EXPECT(apimbc_session_finish(session), wanted);
        EXPECT(apimbc_session_cancel(session), wanted);
        apimbc_session_free(session);
    }
}

static void without_a_buffer(void)
{
    apimbc_buffer *made_up_buffers[] = {NULL, made_up(1), made_up(0xdeadbeef), made_up(UINTPTR_MAX)};
    for (size_t i = 0; i < sizeof made_up_buffers / sizeof *made_up_buffers; i++) {
        EXPECT(apimbc_buffer_data(made_up_buffers[i]) == NULL, 1);
        EXPECT(apimbc_buffer_length(made_up_buffers[i]), 0);
        apimbc_buffer_free(made_up_buffers[i]);
    }
}

static void wrong_texts(void)
{
    apimbc_session *session = NULL;
    apimbc_buffer *error = NULL, *description = NULL;

    EXPECT(apimbc_version(NULL), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_item_describe(NULL, 5, &description, &error), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_item_describe(NULL, SIZE_MAX, &description, &error), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_item_describe(bytes("x"), SIZE_MAX, &description, &error), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(apimbc_item_describe(bytes("\xff\xfe"), 2, &description, &error), APIMBC_STATUS_INVALID_UTF8);
    EXPECT(error == NULL, 1);
    EXPECT(apimbc_item_describe(bytes("{"), 1, NULL, NULL), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(apimbc_item_describe(NULL, 0, &description, &error), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(apimbc_buffer_length(error) > 0, 1);
    EXPECT(description == NULL, 1);
    apimbc_buffer_free(error);
    apimbc_buffer_free(error);
    EXPECT(apimbc_buffer_data(error) == NULL, 1);

    error = NULL;
    EXPECT(apimbc_session_new(bytes("{}"), 2, NULL, 0, NULL, &error), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_new(NULL, 2, NULL, 0, &session, &error), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_new(bytes("\xc3"), 1, NULL, 0, &session, &error), APIMBC_STATUS_INVALID_UTF8);
    EXPECT(error == NULL, 1);
    EXPECT(apimbc_session_new(bytes("[]"), 2, NULL, 0, &session, &error), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(session == NULL, 1);
    apimbc_buffer_free(error);
    EXPECT(apimbc_session_new(bytes("{}"), 2, NULL, 3, &session, NULL), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_new(bytes("{}"), 2, bytes("A=\xff"), 3, &session, NULL), APIMBC_STATUS_INVALID_UTF8);
    EXPECT(apimbc_session_new(bytes("{}"), 2, bytes("x"), SIZE_MAX, &session, NULL), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(apimbc_session_new(bytes("{\"unknown\":1}"), 13, NULL, 0, &session, NULL), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(session == NULL, 1);
}

static void a_session_used_wrongly(void)
{
    static const char options[] = "{\"credential\":\"caller\"}";
    apimbc_session *session = NULL;
    apimbc_buffer *error = NULL, *event = NULL;
    uint32_t kind = 0;
    uint64_t number = 0;

    EXPECT(apimbc_session_new(bytes(options), sizeof options - 1, bytes(""), 0, &session, &error), APIMBC_STATUS_OK);
    EXPECT(error == NULL, 1);

    EXPECT(apimbc_session_next(session, 0, NULL, &number, &event), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_next(session, 0, &kind, NULL, &event), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_next(session, 0, &kind, &number, NULL), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_next(session, 0, &kind, &number, &event), APIMBC_STATUS_PENDING);
    EXPECT(event == NULL, 1);
    EXPECT(apimbc_session_submit(session, NULL, 3, 0), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_submit(session, bytes("\x80"), 1, 0), APIMBC_STATUS_INVALID_UTF8);
    EXPECT(apimbc_session_progress(session, NULL), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_delivered(session, NULL), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_answer_token(session, 7, bytes("x"), 1, 0), APIMBC_STATUS_INVALID_STATE);
    EXPECT(apimbc_session_answer_token(session, 7, NULL, 1, 0), APIMBC_STATUS_NULL_ARGUMENT);
    EXPECT(apimbc_session_refuse_token(session, 7, NULL, 0), APIMBC_STATUS_INVALID_STATE);

    /* A bad item is taken, and settled as failed. */
    EXPECT(apimbc_session_submit(session, bytes("{}"), 2, 0), APIMBC_STATUS_READY);
    EXPECT(apimbc_session_finish(session), APIMBC_STATUS_OK);
    EXPECT(apimbc_session_finish(session), APIMBC_STATUS_INVALID_STATE);
    EXPECT(apimbc_session_submit(session, bytes("{}"), 2, 0), APIMBC_STATUS_INVALID_STATE);
    EXPECT(apimbc_session_next(session, 0, &kind, &number, &event), APIMBC_STATUS_OK);
    EXPECT(kind, APIMBC_EVENT_KIND_RESULT);
    EXPECT(number, 0);
    apimbc_buffer_free(event);
    EXPECT(apimbc_session_next(session, 0, &kind, &number, &event), APIMBC_STATUS_DONE);

    apimbc_buffer *progress = NULL;
    EXPECT(apimbc_session_progress(session, &progress), APIMBC_STATUS_OK);
    EXPECT(apimbc_buffer_length(progress) > 0, 1);
    EXPECT(apimbc_session_delivered(session, &number), APIMBC_STATUS_OK);
    EXPECT(number, 1);

    /* A buffer is no session, and the other way round. */
    EXPECT(apimbc_session_cancel((apimbc_session *)progress), APIMBC_STATUS_INVALID_ARGUMENT);
    apimbc_session_free((apimbc_session *)progress);
    EXPECT(apimbc_buffer_length((apimbc_buffer *)session), 0);
    apimbc_buffer_free((apimbc_buffer *)session);
    EXPECT(apimbc_buffer_length(progress) > 0, 1);
    apimbc_buffer_free(progress);

    apimbc_session_free(session);
    apimbc_session_free(session);
    EXPECT(apimbc_session_cancel(session), APIMBC_STATUS_INVALID_ARGUMENT);
    EXPECT(apimbc_session_next(session, 0, &kind, &number, &event), APIMBC_STATUS_INVALID_ARGUMENT);
}

int main(void)
{
    EXPECT(apimbc_abi_version(), APIMBC_ABI_VERSION);
    without_a_session();
    without_a_buffer();
    wrong_texts();
    a_session_used_wrongly();
    if (failures == 0)
        puts("every misuse was answered");
    return failures == 0 ? 0 : 1;
}
