// One TCP connection of the link: non-blocking, with a queue of bytes that wait to leave.
//
// One thread reads (wait, then next until it needs more). Any thread may send: the frame leaves at once when the
// socket takes it, and what does not fit is sent by the reader's wait(). A sender of ticks must look at
// pendingBytes() and hold its ticks while much is waiting, so that answers to commands do not queue behind them.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "link/codec.h"
#include "link/secure.h"

namespace troupe::link {

class Connection {
 public:
  // Takes over a connected socket. `peer` is who stands at the other end. With a channel all bytes go through TLS; a
  // peer that turns out to speak none (kTlsMissing) can be told so: what is sent after that error goes as it is.
  Connection(int fd, Peer peer, std::unique_ptr<SecureChannel> channel = nullptr);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects to a literal IPv4 address or "localhost". Null with `error` set when it fails.
  static std::unique_ptr<Connection> connect(const std::string& host, uint16_t port, Peer peer, int timeout_ms,
                                             std::string& error, const SecureClient* secure = nullptr);

  // Waits up to timeout_ms for bytes (only when want_read), for room to write, or for wake(); reads one batch and
  // writes what waits. kNone also when nothing happened. kClosed, kTruncated, kIo and decoder errors are final.
  LinkError wait(int timeout_ms, bool want_read = true) { return waitMicros(int64_t{1000} * timeout_ms, want_read); }
  LinkError waitMicros(int64_t timeout_us, bool want_read = true);
  // True when the other side has closed its direction, though bytes may still be unread.
  bool peerClosed() const;
  // Next frame of what has been read. On kError see error().
  Next next(FrameView& frame) { return decoder_.next(frame); }
  LinkError error() const { return decoder_.error(); }
  // See Decoder::allowPayload.
  void allowPayload(uint32_t bytes) { decoder_.allowPayload(bytes); }
  // Bytes received so far; tells a silent peer from a slow one.
  uint64_t receivedBytes() const { return received_.load(std::memory_order_relaxed); }

  // Thread-safe. kOverflow when more than kMaxQueuedBytes would wait.
  template <typename T>
  LinkError send(FrameType type, const T& payload) {
    const iovec part{const_cast<T*>(&payload), sizeof payload};
    return sendParts(type, &part, 1);
  }
  template <typename H, typename T>
  LinkError send(FrameType type, const H& head, const T* items, size_t count) {
    const iovec parts[2] = {{const_cast<H*>(&head), sizeof head}, {const_cast<T*>(items), count * sizeof(T)}};
    return sendParts(type, parts, 2);
  }
  template <typename T>
  LinkError sendArray(FrameType type, const T* items, size_t count) {
    const iovec part{const_cast<T*>(items), count * sizeof(T)};
    return sendParts(type, &part, 1);
  }
  LinkError sendParts(FrameType type, const iovec* parts, int count);  // at most 4 parts

  size_t pendingBytes() const { return pending_.load(std::memory_order_relaxed); }
  // How far the other side's system has taken what was sent. It goes on doing that for a program that does not read,
  // until its buffer is full.
  struct Taken {
    bool waits = false;  // something was not sent yet, here or in this system's buffer
    uint64_t bytes = 0;  // acknowledged since the connection was made
    uint32_t rtt_us = 0;
  };
  Taken taken() const;
  // Makes wait() of another thread return at once.
  void wake();
  // Ends both directions; wait() then reports kClosed. Thread-safe.
  void shutdown();
  int fd() const { return fd_; }
  // More about an error of TLS; empty when there is nothing more to say. For the reader's thread.
  const std::string& detail() const { return detail_; }

  static constexpr size_t kMaxQueuedBytes = 64u << 20;

 private:
  LinkError flushLocked();
  LinkError receive();
  LinkError receiveSecure(const uint8_t* from, size_t bytes);
  LinkError sealLocked(const iovec* parts, int count);
  LinkError closed() const { return decoder_.midFrame() ? LinkError::kTruncated : LinkError::kClosed; }

  int fd_;
  int wake_fd_;
  Decoder decoder_;
  std::atomic<uint64_t> received_{0};
  std::mutex write_mutex_;
  uint64_t next_sequence_ = 1;
  std::vector<uint8_t> queue_;
  size_t queue_begin_ = 0;
  std::atomic<size_t> pending_{0};
  bool write_failed_ = false;
  std::unique_ptr<SecureChannel> channel_;  // null: no TLS. Under write_mutex_: what is read may have to be answered
  Bytes plain_;                             // what was said, on its way to the decoder or into the channel
  std::string detail_;
};

// A listening socket on 127.0.0.1 or another literal IPv4 address.
class Listener {
 public:
  ~Listener();
  // Port 0 picks a free one; port() tells which. False with `error` set when it cannot listen.
  bool listen(const std::string& host, uint16_t port, std::string& error);
  uint16_t port() const { return port_; }
  int fd() const { return fd_; }
  // A waiting connection, or -1. Does not block.
  int accept();

 private:
  int fd_ = -1;
  uint16_t port_ = 0;
};

// Splits "host:port" (port 0..65535). False when it is anything else.
bool parseEndpoint(const std::string& text, std::string& host, uint16_t& port);

}  // namespace troupe::link
