// The link without a DLL, on MQL5's sockets. It has no thread: every call of the expert moves it on. Only connecting
// blocks, for CONNECT_MS at most, and more and more seldom.
#ifndef TROUPE_SOCKETS_CLIENT_MQH
#define TROUPE_SOCKETS_CLIENT_MQH

#include "../report.mqh"
#include "frames.mqh"

#define CLIENT_STOPPED 0
#define CLIENT_DOWN 1
#define CLIENT_GREETING 2
#define CLIENT_UP 3
#define CONNECT_MS 250
#define FIRST_BACKOFF_US 100000
#define MOST_BACKOFF_US 5000000
#define IN_VAIN_US 60000000
#define BEAT_US 500000
#define SILENCE_US 5000000
// How long one call goes on sending to a bridge that takes it slowly. A single send blocks as long as SocketTimeouts says.
#define SEND_US 50000
#define FAREWELL_MS 300
#define ERROR_CONFIG_KEY (-6)
#define ERROR_CONFIG_TLS (-13)
#define ERROR_HANDLE (-20)
#define ERROR_CONNECT (-40)
#define ERROR_RELINK (-42)
#define ERROR_IO (-103)
#define ERROR_CLOSED (-101)
#define ERROR_UNEXPECTED (-112)
#define ERROR_SILENT (-113)
#define ERROR_KEY (-115)
#define ERROR_REFUSED (-116)
#define ERROR_TLS (-122)

struct Client {
  int state;
  int socket;
  string host;
  int port;
  bool tls;
  WireHello hello;
  Bytes32 challenge;
  bool challenged;
  bool announced;  // LINK_UP of this session was handed over
  int lost;        // to be told, 0: nothing
  bool refused;    // to be told
  int told_lost;   // the same failure of a connection is told once
  ulong connections;
  long backoff_us;
  long retry_at_us;
  long heard_us;
  long beat_us;
  WireRefused refusal;
  WireWelcome welcome;
};

Client g_client;
Message g_own;  // handshake and heartbeats

int LinkHandle() { return g_client.state == CLIENT_STOPPED ? 0 : 1; }

string LinkErrorText(int error) {
  switch (error) {
    case ERROR_CONFIG_KEY:
      return "E_DLL_CONFIG_KEY: config: key must be 64 hex digits, not all the same";
    case ERROR_CONFIG_TLS:
      return "E_DLL_CONFIG_TLS: config: without the DLL the terminal checks the certificate itself: TLS CA must be system, TLS fingerprint empty";
    case ERROR_HANDLE:
      return "E_DLL_HANDLE: the link is stopped";
    case ERROR_CONNECT:
      return "E_DLL_CONNECT: nobody answers at host and port, or the address is not allowed in the terminal's options";
    case ERROR_RELINK:
      return "E_DLL_RELINK: the expert asked for a new session";
    case ERROR_IO:
      return "E_LINK_IO: the terminal reports an error of the connection";
    case ERROR_CLOSED:
      return "E_LINK_CLOSED: the bridge has closed";
    case -104:
      return "E_LINK_TOO_LONG: a frame is too long";
    case -107:
      return "E_LINK_VERSION: the bridge speaks another version";
    case -108:
      return "E_LINK_CRC: a frame whose checksum does not fit";
    case -109:
      return "E_LINK_SEQUENCE: a frame is missing or came twice";
    case ERROR_UNEXPECTED:
      return "E_LINK_UNEXPECTED: a frame at the wrong moment";
    case ERROR_SILENT:
      return "E_LINK_SILENT: the bridge has been silent for five seconds";
    case ERROR_KEY:
      return "E_LINK_KEY: the bridge does not know the key";
    case ERROR_REFUSED:
      return "E_LINK_REFUSED: the bridge has sent us away";
    case ERROR_TLS:
      return "E_LINK_TLS_FAILED: no TLS: the bridge has none, or its certificate has expired, is for another host, or not trusted by Windows";
    default:
      return StringFormat("E_LINK_%d: an error of the link", -error);
  }
}

void Drop(int error) {
  if (g_client.socket != INVALID_HANDLE) SocketClose(g_client.socket);
  g_client.socket = INVALID_HANDLE;
  // The first failure of each kind, and the end of every session.
  if (g_client.announced || error != g_client.told_lost) g_client.lost = error;
  g_client.told_lost = error;
  g_client.state = CLIENT_DOWN;
  g_client.backoff_us = g_client.backoff_us * 2;
  if (g_client.backoff_us < FIRST_BACKOFF_US) g_client.backoff_us = FIRST_BACKOFF_US;
  if (g_client.backoff_us > MOST_BACKOFF_US) g_client.backoff_us = MOST_BACKOFF_US;
  g_client.retry_at_us = MonotonicUs() + g_client.backoff_us;
}

void SendQueued(const long most_us) {
  const long until_us = MonotonicUs() + most_us;
  while (g_send.used > 0 && SocketIsWritable(g_client.socket)) {
    const int count = NextChunk();
    const int sent = g_client.tls ? SocketTlsSend(g_client.socket, g_chunk, (uint)count)
                                  : SocketSend(g_client.socket, g_chunk, (uint)count);
    if (sent < 0) {
      Drop(ERROR_IO);
      return;
    }
    if (sent == 0) return;
    ChunkSent(sent);
    if (MonotonicUs() >= until_us) return;
  }
}

void Connect() {
  g_client.socket = SocketCreate(SOCKET_DEFAULT);
  if (g_client.socket == INVALID_HANDLE || !SocketConnect(g_client.socket, g_client.host, (uint)g_client.port, CONNECT_MS)) {
    Drop(ERROR_CONNECT);
    return;
  }
  // Without limits a call could wait for ever.
  SocketTimeouts(g_client.socket, 1000, 1000);
  if (g_client.tls && !SocketTlsHandshake(g_client.socket, g_client.host)) {
    Drop(ERROR_TLS);
    return;
  }
  FramesReset();
  g_client.connections++;
  g_client.challenged = false;
  g_client.state = CLIENT_GREETING;
  g_client.heard_us = MonotonicUs();
  g_client.beat_us = g_client.heard_us;
  if (!MakeNonce()) {
    Drop(ERROR_IO);
    return;
  }
  g_client.hello.version_low = LINK_VERSION;
  g_client.hello.version_high = LINK_VERSION;
  g_client.hello.nonce = g_nonce;
  // A field of a packed struct is handed to nobody by reference.
  const ulong wall_us = WallUs();
  g_client.hello.wall_us = wall_us;
  SetText(g_client.hello.session, StringFormat("%I64u-%I64u", wall_us, g_client.connections));
  BeginMessage(g_own, FRAME_HELLO);
  Append(g_own, g_client.hello);
  QueueFrame(g_own);
}

void OnGreeting() {
  switch (TypeOf(g_own)) {
    case FRAME_CHALLENGE: {
      Bytes32 proof;
      if (g_client.challenged || !ReadOne(g_own, g_client.challenge)) {
        Drop(ERROR_UNEXPECTED);
        return;
      }
      g_client.challenged = true;
      if (!ProofOf(g_client.hello, g_client.challenge, proof)) {
        Drop(ERROR_IO);
        return;
      }
      BeginMessage(g_own, FRAME_PROOF);
      Append(g_own, proof);
      QueueFrame(g_own);
      break;
    }
    case FRAME_WELCOME: {
      Bytes32 wanted;
      if (!g_client.challenged || !ReadOne(g_own, g_client.welcome)) {
        Drop(ERROR_UNEXPECTED);
      } else if (!WelcomeOf(g_client.hello, g_client.challenge, g_client.welcome.version, wanted) ||
                 !SameBytes(wanted, g_client.welcome.mac)) {
        Drop(ERROR_KEY);
      } else if (g_client.welcome.version != LINK_VERSION) {
        Drop(-107);
      } else {
        g_client.state = CLIENT_UP;
        g_client.backoff_us = 0;
        g_client.told_lost = 0;
      }
      break;
    }
    case FRAME_REFUSED: {
      if (!ReadOne(g_own, g_client.refusal)) {
        Drop(ERROR_UNEXPECTED);
        return;
      }
      Drop(ERROR_REFUSED);
      g_client.lost = 0;
      g_client.refused = true;
      const long retry_us = (long)g_client.refusal.retry_after_ms * 1000;
      g_client.retry_at_us = MonotonicUs() + (retry_us > 0 ? retry_us : (long)IN_VAIN_US);
      break;
    }
    default:
      Drop(ERROR_UNEXPECTED);
  }
}

void ReadSocket() {
  for (int i = 0; i < 16 && g_client.socket != INVALID_HANDLE; i++) {
    const uint readable = SocketIsReadable(g_client.socket);
    const int room = ReceiveRoom();
    if (readable == 0 || room == 0) {
      if (readable == 0 && !SocketIsConnected(g_client.socket)) Drop(ERROR_CLOSED);
      return;
    }
    const uint wanted = readable < (uint)room ? readable : (uint)room;
    // It may say 1 of an empty buffer; then this waits for its millisecond. With TLS it counts what has come sealed.
    const int got = g_client.tls ? SocketTlsReadAvailable(g_client.socket, g_chunk, (uint)room)
                                 : SocketRead(g_client.socket, g_chunk, wanted, 1);
    if (got <= 0) {
      if (!SocketIsConnected(g_client.socket)) Drop(ERROR_CLOSED);
      return;
    }
    Received(got);
    g_client.heard_us = MonotonicUs();
  }
}

// Moves the client on as far as it goes without waiting.
void Pump() {
  const long now_us = MonotonicUs();
  if (g_client.state == CLIENT_STOPPED) return;
  if (g_client.state == CLIENT_DOWN) {
    // The end of one session is told before the next begins.
    if (g_client.lost != 0 || g_client.refused || now_us < g_client.retry_at_us) return;
    Connect();
    if (g_client.state == CLIENT_DOWN) return;
  }
  ReadSocket();
  while (g_client.state == CLIENT_GREETING) {
    const int next = NextFrame(g_own);
    if (next < 0) Drop(next);
    if (next <= 0) break;
    OnGreeting();
  }
  if (g_client.state == CLIENT_DOWN) return;
  if (MonotonicUs() - g_client.heard_us > SILENCE_US) {
    Drop(ERROR_SILENT);
    return;
  }
  if (g_client.state == CLIENT_UP && now_us - g_client.beat_us > BEAT_US) {
    g_client.beat_us = now_us;
    BeginMessage(g_own, FRAME_HEARTBEAT);
    WireHeartbeat beat;
    beat.wall_us = WallUs();
    Append(g_own, beat);
    QueueFrame(g_own);
  }
  SendQueued(SEND_US);
}

int LinkStart(const LinkConfig &config) {
  if (!ParseKey(config.key, g_shared_key)) return ERROR_CONFIG_KEY;
  const string ca = TextOf(config.tls_ca_file);
  g_client.tls = StringLen(ca) > 0;
  if (StringLen(TextOf(config.tls_fingerprint)) > 0 || (g_client.tls && ca != "system")) return ERROR_CONFIG_TLS;
  ZeroMemory(g_client.hello);
  g_client.hello.feed = config.feed;
  g_client.hello.login = config.login;
  g_client.hello.terminal = config.terminal;
  g_client.hello.margin_mode = config.margin_mode;
  g_client.hello.utc_offset_s = config.utc_offset_s;
  g_client.host = TextOf(config.host);
  g_client.port = (int)config.port;
  g_client.socket = INVALID_HANDLE;
  g_client.state = CLIENT_DOWN;
  g_client.announced = false;
  g_client.connections = 0;
  g_client.lost = 0;
  g_client.told_lost = 0;
  g_client.refused = false;
  g_client.backoff_us = 0;
  g_client.retry_at_us = 0;
  MathSrand((int)(GetTickCount64() % 2147483647));
  return 1;
}

void LinkStop() {
  if (g_client.state == CLIENT_STOPPED) return;
  if (g_client.state == CLIENT_UP) {
    SocketTimeouts(g_client.socket, FAREWELL_MS, FAREWELL_MS);
    SendQueued((long)FAREWELL_MS * 1000);
  }
  if (g_client.socket != INVALID_HANDLE && g_client.state != CLIENT_DOWN) SocketClose(g_client.socket);
  g_client.socket = INVALID_HANDLE;
  g_client.state = CLIENT_STOPPED;
}

int LinkSend(Message &m) {
  if (g_client.state != CLIENT_UP || !g_client.announced) return LINK_NOT_LINKED;
  if (TypeOf(m) == LOCAL_RELINK) {
    Drop(ERROR_RELINK);
    g_client.retry_at_us = 0;
    return 1;
  }
  if (!QueueFrame(m)) {
    SendQueued(SEND_US);
    return 0;
  }
  SendQueued(SEND_US);
  return 1;
}

void TellLost(Message &m) {
  LinkLost lost;
  ZeroMemory(lost);
  const string text = LinkErrorText(g_client.lost);
  const int colon = StringFind(text, ":");
  lost.error = g_client.lost;
  SetText(lost.code, StringSubstr(text, 0, colon));
  SetText(lost.message, StringSubstr(text, colon + 2));
  lost.retry_ms = (uint)(g_client.backoff_us / 1000);
  BeginMessage(m, LOCAL_LINK_LOST);
  Append(m, lost);
  g_client.lost = 0;
  g_client.announced = false;
}

void TellRefused(Message &m) {
  LinkRefused refused;
  refused.code = g_client.refusal.code;
  refused.message = g_client.refusal.message;
  refused.retry_ms = g_client.refusal.retry_after_ms;
  refused.is_final = g_client.refusal.retry_after_ms == 0 ? 1 : 0;
  BeginMessage(m, LOCAL_REFUSED);
  Append(m, refused);
  g_client.refused = false;
}

void TellUp(Message &m) {
  LinkUp up;
  ZeroMemory(up);
  up.bridge = g_client.welcome.bridge;
  up.link_version = g_client.welcome.version;
  up.bridge_wall_us = g_client.welcome.wall_us;
  up.session = g_client.hello.session;
  up.connection = g_client.connections;
  BeginMessage(m, LOCAL_LINK_UP);
  Append(m, up);
  g_client.announced = true;
}

int LinkReceive(Message &m) {
  m.length = 0;
  if (g_client.state == CLIENT_STOPPED) return ERROR_HANDLE;
  Pump();
  if (g_client.lost != 0) {
    TellLost(m);
  } else if (g_client.refused) {
    TellRefused(m);
  } else if (g_client.state == CLIENT_UP && !g_client.announced) {
    TellUp(m);
  } else if (g_client.state == CLIENT_UP) {
    int next = NextFrame(m);
    while (next == 1 && TypeOf(m) == FRAME_HEARTBEAT) next = NextFrame(m);
    if (next < 0) {
      Drop(next);
      TellLost(m);
    } else if (next == 0) {
      m.length = 0;
    }
  }
  return m.length;
}

#endif
