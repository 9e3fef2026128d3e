/*
 * Starts a session while the process may open no more files, then one when it may again: the engine, which could not
 * start at first, is tried again.
 */
#include "apim_backend_connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static apimbc_status start(apimbc_session **session, apimbc_buffer **error)
{
    static const uint8_t environment[] = "AZURE_ACCESS_TOKEN=token";
    return apimbc_session_new(NULL, 0, environment, sizeof environment - 1, session, error);
}

int main(void)
{
    struct rlimit files, none;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 2;
    none = files;
    none.rlim_cur = 3;
    if (setrlimit(RLIMIT_NOFILE, &none) != 0)
        return 2;
    apimbc_session *session = NULL;
    apimbc_buffer *error = NULL;
    apimbc_status status = start(&session, &error);
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return 2;
    if (status != APIMBC_STATUS_FAILED) {
        printf("without files: status %d\n", (int)status);
        return 1;
    }
    printf("%.*s\n", (int)apimbc_buffer_length(error), (const char *)apimbc_buffer_data(error));
    apimbc_buffer_free(error);
    error = NULL;
    status = start(&session, &error);
    if (status != APIMBC_STATUS_OK) {
        printf("with files: status %d, %.*s\n", (int)status, (int)apimbc_buffer_length(error),
               (const char *)apimbc_buffer_data(error));
        return 1;
    }
    apimbc_session_free(session);
    printf("it was tried again\n");
    return 0;
}
