// One non-blocking TCP connection of the thread that owns it, and what wakes that thread. All that differs between
// Linux and Windows is behind this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace troupe::dll {

class Socket {
 public:
  Socket();
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // False when the system had nothing to wait with; then nothing else may be called.
  bool usable() const;

  // Begins to connect; an earlier connection is closed. `address` is in the order of the network.
  bool connect(uint32_t address, uint16_t port);
  enum class Progress : uint8_t { kConnecting, kConnected, kFailed };
  Progress progress();
  void close();
  // Tells the other side that nothing more will come; what it has sent can still be read.
  void finish();

  // Sleeps until wake(), until the time is over or, when there is a connection, until it has something to read or room
  // to write, as far as these are wanted. It may return early. False when it has seen that there is nothing to read.
  bool wait(int64_t timeout_us, bool read, bool write);
  // From any thread.
  void wake();

  static constexpr long kNothing = 0, kClosed = -1, kFailed = -2;
  // Bytes, or kNothing for now, kClosed in order or by reset, kFailed.
  long receive(void* to, size_t bytes);
  // Bytes taken, kNothing for now, kClosed or kFailed.
  long send(const void* from, size_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Timers of the system at least as fine as a millisecond while one of these lives.
class FineTimers {
 public:
  FineTimers();
  ~FineTimers();
  FineTimers(const FineTimers&) = delete;
  FineTimers& operator=(const FineTimers&) = delete;
};

// Little waits in the kernel, so that an answer to a command does not queue behind ticks.
inline constexpr int kSendBufferBytes = 128 << 10;
inline constexpr int kReceiveBufferBytes = 256 << 10;

}  // namespace troupe::dll
