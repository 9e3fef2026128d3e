/*
 * The C ABI of apim_backend_connection: resets backend connections of Azure API Management gateways.
 * docs/abi.md explains the ideas and the JSON that goes in and comes out.
 */

#ifndef APIM_BACKEND_CONNECTION_H
#define APIM_BACKEND_CONNECTION_H

/* Made by `cargo xtask header` from src/ffi/. Do not edit it by hand. */

#include <stddef.h>
#include <stdint.h>

// The version of this interface. A caller compares it with what `apimbc_abi_version` gives before any other call.
#define APIMBC_ABI_VERSION 2

// What a call came to. Values are never given a new meaning; new ones may be added.
enum apimbc_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done. For `apimbc_session_next`: an event was given.
  APIMBC_STATUS_OK = 0,
  // Nothing within the time: no event (`next`), or no room and nothing taken (`submit`).
  APIMBC_STATUS_PENDING = 1,
  // The session has ended and every event was taken.
  APIMBC_STATUS_DONE = 2,
  // The item was taken, and an event waits to be taken.
  APIMBC_STATUS_READY = 3,
  // A pointer that must not be NULL is.
  APIMBC_STATUS_NULL_ARGUMENT = 10,
  // A text is not UTF-8.
  APIMBC_STATUS_INVALID_UTF8 = 11,
  // A text does not say what it must, or a handle is none of this library's.
  APIMBC_STATUS_INVALID_ARGUMENT = 12,
  // The session was finished or cancelled, or no such token request waits.
  APIMBC_STATUS_INVALID_STATE = 13,
  // The call could not be carried out.
  APIMBC_STATUS_FAILED = 14,
  // A defect in the library. The session should be freed.
  APIMBC_STATUS_PANIC = 99,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum apimbc_status apimbc_status;
#else
typedef int32_t apimbc_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event is about.
enum apimbc_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // An item has ended.
  APIMBC_EVENT_KIND_RESULT = 1,
  // The caller is asked for a token.
  APIMBC_EVENT_KIND_TOKEN_REQUEST = 2,
  // A text for the caller's log.
  APIMBC_EVENT_KIND_LOG = 3,
  // The session cannot go on.
  APIMBC_EVENT_KIND_FATAL = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum apimbc_event_kind apimbc_event_kind;
#else
typedef uint32_t apimbc_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Bytes that belong to the library. Ended by `apimbc_buffer_free`, which wipes them.
typedef struct apimbc_buffer apimbc_buffer;

// A session: takes items, gives events. Made by `apimbc_session_new`, ended by `apimbc_session_free`. Every function
// may be called on it from any thread, also at once.
typedef struct apimbc_session apimbc_session;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the interface that the library has. Never fails.
uint32_t apimbc_abi_version(void);

// Gives the library's version, like `0.1.0`.
//
// # Safety
// `version` points to a place for a pointer. The buffer is the caller's to free.
apimbc_status apimbc_version(apimbc_buffer **version);

// The buffer's bytes; NULL for NULL, for an empty buffer and for what is no buffer. They stay where they are until
// the buffer is freed.
const uint8_t *apimbc_buffer_data(const apimbc_buffer *buffer);

// How many bytes the buffer has; 0 for NULL and for what is no buffer.
size_t apimbc_buffer_length(const apimbc_buffer *buffer);

// Wipes and frees a buffer. NULL, and a buffer that was freed before, do nothing.
void apimbc_buffer_free(apimbc_buffer *buffer);

// Checks an item (JSON) and describes what it would do. Sends nothing and needs no session. `OK`: the description (JSON)
// is in `description`; `INVALID_ARGUMENT`: the reason is in `error`.
//
// # Safety
// `item` is readable for `item_length` bytes; `description` and `error` each are NULL or point to a place for a pointer.
// The buffers are the caller's to free.
apimbc_status apimbc_item_describe(const uint8_t *item,
                                   size_t item_length,
                                   apimbc_buffer **description,
                                   apimbc_buffer **error);

// Starts a session with options (JSON; the empty text stands for `{}`) in an environment: the whole of it, as entries
// `NAME=value` with a NUL between them. NULL: the process's own; not NULL with a length of 0: an empty one. Nothing is
// sent, and no token is asked for, before the first item. On `INVALID_ARGUMENT` and `FAILED` the reason is in `error`.
//
// # Safety
// `options` is readable for `options_length` bytes and `environment` for `environment_length`; `session` points to a
// place for a pointer; `error` is NULL or does. The session is the caller's to free, the buffer too.
apimbc_status apimbc_session_new(const uint8_t *options,
                                 size_t options_length,
                                 const uint8_t *environment,
                                 size_t environment_length,
                                 apimbc_session **session,
                                 apimbc_buffer **error);

// Offers an item (JSON). `OK` or `READY`: taken, with the next number; a bad item too, to be settled as failed in its
// turn. `PENDING`: not taken, since there was no room for `timeout_ms` milliseconds, or events wait that must be taken
// first.
//
// # Safety
// `item` is readable for `item_length` bytes.
apimbc_status apimbc_session_submit(const apimbc_session *session,
                                    const uint8_t *item,
                                    size_t item_length,
                                    uint32_t timeout_ms);

// Says that no more items will come. The session ends when the last one has ended and its event was taken.
apimbc_status apimbc_session_finish(const apimbc_session *session);

// Takes the next event, waiting for it for at most `timeout_ms` milliseconds. `OK`: `kind` says what it is
// (`APIMBC_EVENT_KIND_…`), `number` which item or token request it is about, `event` holds its JSON. `PENDING`: none
// came. `DONE`: none will come any more.
//
// # Safety
// `kind`, `number` and `event` each point to a place for their type. The buffer is the caller's to free.
apimbc_status apimbc_session_next(const apimbc_session *session,
                                  uint32_t timeout_ms,
                                  uint32_t *kind,
                                  uint64_t *number,
                                  apimbc_buffer **event);

// Gives how far the session is, as a JSON object with a name for each value (`docs/abi.md`, "Progress").
//
// # Safety
// `progress` points to a place for a pointer. The buffer is the caller's to free.
apimbc_status apimbc_session_progress(const apimbc_session *session,
                                      apimbc_buffer **progress);

// Gives the number below which every item is delivered: its event was taken, or it had none. What the caller keeps of
// those items is not needed any more. Costs next to nothing.
//
// # Safety
// `delivered` points to a place for a number.
apimbc_status apimbc_session_delivered(const apimbc_session *session,
                                       uint64_t *delivered);

// Answers a `TOKEN_REQUEST` event with a bearer token. `expires_on` is its end in seconds since 1970 (UTC), 0 where
// it is not known. `INVALID_STATE`: no such request waits.
//
// # Safety
// `token` is readable for `token_length` bytes.
apimbc_status apimbc_session_answer_token(const apimbc_session *session,
                                          uint64_t request,
                                          const uint8_t *token,
                                          size_t token_length,
                                          int64_t expires_on);

// Answers a `TOKEN_REQUEST` event with the reason why there is no token. `INVALID_STATE`: no such request waits.
//
// # Safety
// `reason` is readable for `reason_length` bytes.
apimbc_status apimbc_session_refuse_token(const apimbc_session *session,
                                          uint64_t request,
                                          const uint8_t *reason,
                                          size_t reason_length);

// Cancels what is queued and in flight. It takes effect before the call returns: every item without a result has
// one, `cancelled`, to be taken with `apimbc_session_next`.
apimbc_status apimbc_session_cancel(const apimbc_session *session);

// Frees a session, cancelling what is left of it; waits for nothing. NULL, and a session that was freed before, do
// nothing.
void apimbc_session_free(apimbc_session *session);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* APIM_BACKEND_CONNECTION_H */
