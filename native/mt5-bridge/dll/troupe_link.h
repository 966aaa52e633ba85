/*
 * The link to the bridge for programs inside MetaTrader, as plain C: what troupe-link.dll exports, and what the
 * simulated terminal calls on Linux. The expert's .mqh mirrors this file; a test holds the two together.
 *
 * Arrays are passed as pointer and length, as MQL5 passes `uchar &a[]`. No call blocks, except troupe_stop (under a
 * second) and troupe_wait (as long as it is told to). No call throws. Every handle has a thread of its own that
 * connects, proves the key, keeps the heartbeat, frames (number, CRC) and comes back after a loss.
 *
 * A message is TroupeMessage and then the payload. Types below TROUPE_LOCAL are frame types of link/messages.h with
 * their payloads. Handshake and heartbeats are the thread's own: an expert never sends or sees them. The rest is local.
 *
 * A session: it begins for the expert when troupe_receive hands it TROUPE_LINK_UP, and ends with TROUPE_LINK_LOST. What
 * is sent belongs to the session that the expert has seen, and never leaves on a later one; a command that was not yet
 * received when its session was lost is never received. After TROUPE_LINK_UP the expert sends kSymbols, waits for
 * kResume, and sends ticks from there.
 *
 * Calls on one handle come from one thread at a time (an MQL5 program has one); troupe_wait and troupe_stop may come
 * from any. Different handles are independent of each other.
 */
#ifndef TROUPE_LINK_H
#define TROUPE_LINK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TROUPE_CONFIG_VERSION 2
/* Longest message, its TroupeMessage included. Longer lists are sent in parts. */
#define TROUPE_MAX_MESSAGE_BYTES (1 << 20)
/* A buffer of this size holds every message that the bridge sends to a terminal with up to 8,000 symbols. */
#define TROUPE_RECEIVE_BYTES (64 << 10)
#define TROUPE_MAX_HANDLES 16

#pragma pack(push, 1)

/* Text is UTF-8, zero-terminated and zero-padded. */
typedef struct TroupeConfig {
  uint32_t size;    /* sizeof(TroupeConfig) */
  uint16_t version; /* TROUPE_CONFIG_VERSION */
  uint16_t port;    /* of the bridge, 1..65535 */
  char host[64];    /* of the bridge: an IPv4 address, or a name that has one */
  char key[72];     /* 64 hex digits, the key that the bridge has */
  /* Who this is, e.g. login and chart. A start with the name of a living handle ends that one first: an expert that was
   * loaded again without its OnDeinit having run. */
  char instance[32];
  char feed[32]; /* as in link::Hello, like the next four */
  char login[32];
  char terminal[32];
  char margin_mode[12]; /* netting, hedging or exchange */
  int32_t utc_offset_s;
  /* For ticks that wait to leave (kTicks, kTapeEnd). 256 KiB..256 MiB, 0: 8 MiB. All other messages have 4 MiB of
   * their own and overtake ticks. */
  uint32_t send_ring_bytes;
  uint32_t receive_ring_bytes; /* 256 KiB..256 MiB, 0: 1 MiB. When it is full the bridge is not read; nothing is lost */
  /* An expert that makes no call for so long is gone without a word: its link is ended, so that the account's seat at
   * the bridge is free, and begins anew with its next call. 1000..600000, 0: 15000 */
  uint32_t idle_limit_ms;
  uint32_t flags; /* 0 */
  /* The link is TLS when one of these two is given (never both); then also the bridge must have it. */
  char tls_fingerprint[96]; /* SHA-256 of the bridge's certificate, 64 hex digits with or without colons */
  /* PEM file of who has signed it, or "system" for those whom this machine trusts; it must be made out for `host` */
  char tls_ca_file[256];
} TroupeConfig;

typedef struct TroupeMessage {
  uint16_t type;
  uint16_t reserved; /* 0 */
} TroupeMessage;

enum {
  TROUPE_LOCAL = 0x8000,
  /* from troupe_receive */
  TROUPE_LINK_UP = 0x8001,   /* TroupeLinkUp */
  TROUPE_LINK_LOST = 0x8002, /* TroupeLinkLost; also when the first connection fails, once for each kind of failure */
  TROUPE_REFUSED = 0x8003,   /* TroupeRefused: the bridge has sent us away; tried again after retry_ms */
  TROUPE_DROPPED = 0x8004,   /* TroupeDropped: troupe_send has returned 0, and now there is room again */
  /* to troupe_send; always taken */
  TROUPE_RELINK = 0x9001 /* nothing: ends this session and begins another, after which the bridge asks for a snapshot.
                          * For an expert that was not able to say everything that has happened */
};

typedef struct TroupeLinkUp {
  char bridge[32]; /* as in link::Welcome, like the next two */
  uint16_t link_version;
  uint16_t reserved;
  uint64_t bridge_wall_us;
  char session[32];    /* execution events are numbered from 1 in each */
  uint64_t connection; /* counts the sessions of this handle, from 1 */
} TroupeLinkUp;

typedef struct TroupeLinkLost {
  int32_t error; /* negative, of the table below */
  char code[32];
  char message[128];
  uint32_t retry_ms; /* the next attempt */
} TroupeLinkLost;

typedef struct TroupeRefused {
  char code[32]; /* the bridge's own, e.g. E_LINK_KEY, E_LINK_ACCOUNT_TAKEN */
  char message[128];
  uint32_t retry_ms;
  uint32_t final; /* 1: in vain until somebody has changed something */
} TroupeRefused;

/* Messages that troupe_send has not taken since the last of these events. Whoever kept a message sends it again; a tick
 * batch must be: the bridge counts ticks, so the next batch begins with the first tick that was not taken. Who cannot
 * repeat an execution event sends a snapshot that nobody has asked for (link::SnapshotBegin::command 0); who cannot
 * repeat anything else sends TROUPE_RELINK. */
typedef struct TroupeDropped {
  uint64_t ticks;  /* kTicks messages */
  uint64_t others; /* all others */
  uint64_t total;  /* of both, since troupe_start */
} TroupeDropped;

#pragma pack(pop)

/*
 * Every negative value that a call returns, and every TroupeLinkLost::error: number, code, text. Numbers are never
 * used again for something else. -101 and below are what the link itself may find, see link/errors.h.
 */
#define TROUPE_ERRORS(X)                                                                                               \
  X(TROUPE_E_ARGUMENT, -1, "E_DLL_ARGUMENT", "a null pointer or a negative length")                                    \
  X(TROUPE_E_CONFIG_SIZE, -2, "E_DLL_CONFIG_SIZE", "config: length or field size is not that of TroupeConfig")         \
  X(TROUPE_E_CONFIG_VERSION, -3, "E_DLL_CONFIG_VERSION",                                                               \
    "config: version must be 2; expert and DLL do not belong together")                                                \
  X(TROUPE_E_CONFIG_HOST, -4, "E_DLL_CONFIG_HOST", "config: host must be an IPv4 address or the name of a host")       \
  X(TROUPE_E_CONFIG_PORT, -5, "E_DLL_CONFIG_PORT", "config: port must be 1 to 65535")                                  \
  X(TROUPE_E_CONFIG_KEY, -6, "E_DLL_CONFIG_KEY", "config: key must be 64 hex digits, not all the same")                \
  X(TROUPE_E_CONFIG_TEXT, -7, "E_DLL_CONFIG_TEXT",                                                                     \
    "config: instance, feed, login, terminal or margin_mode is empty or not zero-padded UTF-8")                        \
  X(TROUPE_E_CONFIG_MARGIN_MODE, -8, "E_DLL_CONFIG_MARGIN_MODE",                                                       \
    "config: margin_mode must be netting, hedging or exchange")                                                        \
  X(TROUPE_E_CONFIG_UTC_OFFSET, -9, "E_DLL_CONFIG_UTC_OFFSET", "config: utc_offset_s must be within 14 hours")         \
  X(TROUPE_E_CONFIG_RING, -10, "E_DLL_CONFIG_RING", "config: a ring must be 0 or 256 KiB to 256 MiB")                  \
  X(TROUPE_E_CONFIG_IDLE, -11, "E_DLL_CONFIG_IDLE", "config: idle_limit_ms must be 0 or 1000 to 600000")               \
  X(TROUPE_E_CONFIG_FLAGS, -12, "E_DLL_CONFIG_FLAGS", "config: flags must be 0")                                       \
  X(TROUPE_E_CONFIG_TLS, -13, "E_DLL_CONFIG_TLS",                                                                      \
    "config: tls_fingerprint must be 64 hex digits, and empty when there is a tls_ca_file")                            \
  X(TROUPE_E_CONFIG_TLS_CA, -14, "E_DLL_CONFIG_TLS_CA",                                                                \
    "config: tls_ca_file cannot be read, or holds no certificate in PEM format")                                       \
  X(TROUPE_E_HANDLE, -20, "E_DLL_HANDLE", "no such handle: never started, stopped, or taken over by another start")    \
  X(TROUPE_E_TOO_MANY, -21, "E_DLL_TOO_MANY", "16 handles are in use")                                                 \
  X(TROUPE_E_MEMORY, -22, "E_DLL_MEMORY", "no memory for the rings")                                                   \
  X(TROUPE_E_THREAD, -23, "E_DLL_THREAD", "no thread or socket could be made")                                         \
  X(TROUPE_E_MESSAGE_SIZE, -30, "E_DLL_MESSAGE_SIZE",                                                                  \
    "message: length is below 4, above 1 MiB or a third of the ring, or not that of its type")                         \
  X(TROUPE_E_MESSAGE_TYPE, -31, "E_DLL_MESSAGE_TYPE", "message: not a type that an expert sends")                      \
  X(TROUPE_E_MESSAGE_RESERVED, -32, "E_DLL_MESSAGE_RESERVED", "message: reserved must be 0")                           \
  X(TROUPE_E_NOT_LINKED, -33, "E_DLL_NOT_LINKED", "no session: send after TROUPE_LINK_UP has been received")           \
  X(TROUPE_E_BUFFER, -34, "E_DLL_BUFFER", "the buffer is too small for the next message, which is kept")               \
  X(TROUPE_E_CONNECT, -40, "E_DLL_CONNECT", "nobody answers at host and port")                                         \
  X(TROUPE_E_IDLE, -41, "E_DLL_IDLE", "the expert has made no call for idle_limit_ms")                                 \
  X(TROUPE_E_RELINK, -42, "E_DLL_RELINK", "the expert asked for a new session")                                        \
  X(TROUPE_E_RESOLVE, -43, "E_DLL_RESOLVE", "host has no IPv4 address, or nobody says which within five seconds")      \
  X(TROUPE_E_INTERNAL, -99, "E_DLL_INTERNAL", "an unexpected failure inside the link client")                          \
  X(TROUPE_E_LINK_CLOSED, -101, "E_LINK_CLOSED", "the bridge has closed")                                              \
  X(TROUPE_E_LINK_TRUNCATED, -102, "E_LINK_TRUNCATED", "the bridge has closed in the middle of a frame")               \
  X(TROUPE_E_LINK_IO, -103, "E_LINK_IO", "the operating system reports an error of the connection")                    \
  X(TROUPE_E_LINK_TOO_LONG, -104, "E_LINK_TOO_LONG", "a frame is too long")                                            \
  X(TROUPE_E_LINK_UNKNOWN_TYPE, -105, "E_LINK_UNKNOWN_TYPE", "a frame of an unknown type")                             \
  X(TROUPE_E_LINK_WRONG_SIDE, -106, "E_LINK_WRONG_SIDE", "a frame that only a terminal sends")                         \
  X(TROUPE_E_LINK_VERSION, -107, "E_LINK_VERSION", "the bridge speaks another version")                                \
  X(TROUPE_E_LINK_CRC, -108, "E_LINK_CRC", "a frame whose checksum does not fit")                                      \
  X(TROUPE_E_LINK_SEQUENCE, -109, "E_LINK_SEQUENCE", "a frame is missing or came twice")                               \
  X(TROUPE_E_LINK_SIZE, -110, "E_LINK_SIZE", "a frame whose size does not fit its type")                               \
  X(TROUPE_E_LINK_CONTENT, -111, "E_LINK_CONTENT", "a frame with a count, text or number that cannot be")              \
  X(TROUPE_E_LINK_UNEXPECTED, -112, "E_LINK_UNEXPECTED", "a frame at the wrong moment")                                \
  X(TROUPE_E_LINK_SILENT, -113, "E_LINK_SILENT", "the bridge has been silent for five seconds")                        \
  X(TROUPE_E_LINK_OVERFLOW, -114, "E_LINK_OVERFLOW", "the bridge does not read")                                       \
  X(TROUPE_E_LINK_KEY, -115, "E_LINK_KEY", "the bridge does not know the key")                                         \
  X(TROUPE_E_LINK_REFUSED, -116, "E_LINK_REFUSED", "the bridge has sent us away, see TROUPE_REFUSED")                  \
  X(TROUPE_E_LINK_TLS_MISSING, -117, "E_LINK_TLS_MISSING", "the bridge speaks no TLS")                                 \
  X(TROUPE_E_LINK_TLS_UNEXPECTED, -118, "E_LINK_TLS_UNEXPECTED", "the bridge speaks TLS; fingerprint or CA is needed") \
  X(TROUPE_E_LINK_TLS_CERTIFICATE, -119, "E_LINK_TLS_CERTIFICATE",                                                     \
    "the bridge's certificate has another fingerprint, or is not signed by the CA")                                    \
  X(TROUPE_E_LINK_TLS_EXPIRED, -120, "E_LINK_TLS_EXPIRED",                                                             \
    "the bridge's certificate has expired, or is not valid yet")                                                       \
  X(TROUPE_E_LINK_TLS_NAME, -121, "E_LINK_TLS_NAME", "the bridge's certificate is made out for another host")          \
  X(TROUPE_E_LINK_TLS_FAILED, -122, "E_LINK_TLS_FAILED", "the TLS handshake has failed")

enum {
#define TROUPE_ERROR_NUMBER(name, number, code, text) name = number,
  TROUPE_ERRORS(TROUPE_ERROR_NUMBER)
#undef TROUPE_ERROR_NUMBER
};

/* A handle (above 0), or an error. The thread begins to connect at once. */
int32_t troupe_start(const uint8_t* config, int32_t length);

/* 1: taken. 0: the ring is full, the message was not taken (and counted). Or an error. */
int32_t troupe_send(int32_t handle, const uint8_t* message, int32_t length);

/* Bytes of the next message, 0 when there is none, or an error. TROUPE_RECEIVE_BYTES are always enough. */
int32_t troupe_receive(int32_t handle, uint8_t* buffer, int32_t capacity);

/* 0, or an error. What was taken still leaves if that is possible within 300 ms; then the thread is gone. */
int32_t troupe_stop(int32_t handle);

/* For the service that wakes the expert: 1 as soon as there is something to receive, 0 after timeout_ms (at most
 * 10,000), or an error: also when the handle is stopped meanwhile. */
int32_t troupe_wait(int32_t handle, int32_t timeout_ms);

/* "CODE: text" of an error as UTF-8 with its zero. Bytes without the zero, or an error. */
int32_t troupe_error_text(int32_t error, uint8_t* buffer, int32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
