/*
 * Forks after the library was used: the child has none of the parent's threads, so it must be told at once that it
 * cannot go on, and not wait for ever. Exit code 0 when it was.
 */
#define _POSIX_C_SOURCE 200809L
#include "apim_backend_connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char options[] = "{\"credential\":\"caller\"}";

static apimbc_status start(apimbc_session **session, apimbc_buffer **error)
{
    return apimbc_session_new((const uint8_t *)options, sizeof options - 1, (const uint8_t *)"", 0, session, error);
}

/* The child's exit code. */
static int in_the_child(apimbc_session *parents)
{
    apimbc_session *session = NULL;
    apimbc_buffer *error = NULL;
    if (start(&session, &error) != APIMBC_STATUS_FAILED || session != NULL || error == NULL)
        return 1;
    static const char word[] = "fork";
    const uint8_t *text = apimbc_buffer_data(error);
    size_t length = apimbc_buffer_length(error);
    int named = 0;
    for (size_t at = 0; at + sizeof word - 1 <= length; at++)
        named |= memcmp(text + at, word, sizeof word - 1) == 0;
    apimbc_buffer_free(error);
    /* The parent's own copy is not touched by this. */
    apimbc_session_free(parents);
    return named ? 0 : 2;
}

int main(void)
{
    apimbc_session *session = NULL;
    if (start(&session, NULL) != APIMBC_STATUS_OK)
        return 3;
    pid_t child = fork();
    if (child == 0)
        _exit(in_the_child(session));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        fputs("the child did not end\n", stderr);
        return 4;
    }
    if (WEXITSTATUS(status) != 0) {
        fprintf(stderr, "the child ended with %d\n", WEXITSTATUS(status));
        return 5;
    }
    uint32_t kind;
    uint64_t number;
    apimbc_buffer *event = NULL;
    if (apimbc_session_next(session, 0, &kind, &number, &event) != APIMBC_STATUS_PENDING)
        return 6;
    apimbc_session_free(session);
    puts("the child was told");
    return 0;
}
