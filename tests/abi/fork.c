/*
 * Forks after the library was used, while threads of the parent are in it: a child has none of the parent's threads and maybe
 * their locks, so every function must tell it at once that it cannot go on. Exit code 0 when each did.
 */
#define _POSIX_C_SOURCE 200809L
#include "apim_backend_connection.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 100, THREADS = 3 };

static const char options[] = "{\"credential\":\"caller\"}";
static apimbc_session *session;
static atomic_bool done;

static const uint8_t *bytes(const char *text)
{
    return (const uint8_t *)text;
}

static apimbc_status start(apimbc_session **started, apimbc_buffer **error)
{
    return apimbc_session_new(bytes(options), sizeof options - 1, bytes(""), 0, started, error);
}

/* Keeps the library's locks busy. */
static void *use(void *unused)
{
    (void)unused;
    while (!done) {
        apimbc_buffer *buffer = NULL;
        apimbc_session_progress(session, &buffer);
        apimbc_buffer_free(buffer);
        apimbc_session *other = NULL;
        start(&other, NULL);
        apimbc_session_free(other);
    }
    return NULL;
}

static int names_the_fork(apimbc_buffer *error)
{
    static const char word[] = "fork";
    const uint8_t *text = apimbc_buffer_data(error);
    size_t length = apimbc_buffer_length(error);
    int named = 0;
    for (size_t at = 0; at + sizeof word - 1 <= length; at++)
        named |= memcmp(text + at, word, sizeof word - 1) == 0;
    apimbc_buffer_free(error);
    return named;
}

/* The child's exit code: the number of the call that went wrong. */
static int in_the_child(apimbc_buffer *parents)
{
    /* A call that waits for a lock is ended by this. */
    alarm(20);
    apimbc_session *started = NULL;
    apimbc_buffer *error = NULL, *buffer = NULL;
    uint32_t kind;
    uint64_t number;
    int call = 10;
#define EXPECT(condition) \
    do { \
        call++; \
        if (!(condition)) \
            return call; \
    } while (0)
    EXPECT(apimbc_abi_version() == APIMBC_ABI_VERSION);
    EXPECT(start(&started, &error) == APIMBC_STATUS_FAILED && started == NULL);
    EXPECT(names_the_fork(error));
    EXPECT(start(&started, NULL) == APIMBC_STATUS_FAILED);
    error = NULL;
    EXPECT(apimbc_item_describe(bytes("{}"), 2, &buffer, &error) == APIMBC_STATUS_FAILED && buffer == NULL);
    EXPECT(names_the_fork(error));
    EXPECT(apimbc_version(&buffer) == APIMBC_STATUS_FAILED && buffer == NULL);
    EXPECT(apimbc_session_submit(session, bytes("{}"), 2, 1000) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_next(session, 1000, &kind, &number, &buffer) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_progress(session, &buffer) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_delivered(session, &number) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_answer_token(session, 1, bytes("x"), 1, 0) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_refuse_token(session, 1, bytes("x"), 1) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_finish(session) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_session_cancel(session) == APIMBC_STATUS_FAILED);
    EXPECT(apimbc_buffer_data(parents) == NULL && apimbc_buffer_length(parents) == 0);
    /* The parent's own copies are not touched by these. */
    apimbc_buffer_free(parents);
    apimbc_session_free(session);
    return 0;
}

int main(void)
{
    apimbc_buffer *version = NULL;
    pthread_t threads[THREADS];
    if (start(&session, NULL) != APIMBC_STATUS_OK || apimbc_version(&version) != APIMBC_STATUS_OK)
        return 3;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, use, NULL) != 0)
            return 4;
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(in_the_child(version));
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "child %d ended with status %x (exit code %d)\n", i, (unsigned)status, WEXITSTATUS(status));
            return 5;
        }
    }
    done = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint32_t kind;
    uint64_t number;
    apimbc_buffer *event = NULL;
    if (apimbc_session_next(session, 0, &kind, &number, &event) != APIMBC_STATUS_PENDING)
        return 6;
    if (apimbc_buffer_length(version) == 0)
        return 7;
    apimbc_buffer_free(version);
    apimbc_session_free(session);
    puts("the children were told");
    return 0;
}
