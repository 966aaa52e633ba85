// The C functions: handles, and nothing that is thrown gets past here.
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "dll/client.h"
#include "dll/errors.h"
#include "dll/module.h"
#include "dll/troupe_link.h"

namespace troupe::dll {

namespace {

// A call counts itself in before it looks at the handle, and whoever ends the handle waits until none is in: so a stop
// from another thread, or a second start, cannot pull the client from under a call.
struct Slot {
  std::atomic<int32_t> handle{0};  // 0: not in use
  std::atomic<uint32_t> calls{0};
  LinkClient* client = nullptr;
  bool taken = false;  // under the mutex
};

// Never destroyed: threads of a process that ends without troupe_stop may still be in here.
struct Table {
  std::mutex mutex;
  Slot slots[TROUPE_MAX_HANDLES];
  uint32_t generation = 0;
};

Table& table() {
  static Table& one = *new Table;
  return one;
}

Slot& slotOf(int32_t handle) { return table().slots[static_cast<uint32_t>(handle) % TROUPE_MAX_HANDLES]; }

class Call {
 public:
  explicit Call(int32_t handle) : slot_(slotOf(handle)) {
    slot_.calls.fetch_add(1);
    if (handle > 0 && slot_.handle.load() == handle) client_ = slot_.client;
  }
  ~Call() { slot_.calls.fetch_sub(1); }
  LinkClient* client() const { return client_; }

 private:
  Slot& slot_;
  LinkClient* client_ = nullptr;
};

// False when somebody else was first.
bool endSlot(Slot& slot, int32_t handle) {
  if (handle <= 0 || !slot.handle.compare_exchange_strong(handle, 0)) return false;
  slot.client->beginStop();
  while (slot.calls.load() > 0) std::this_thread::yield();
  delete slot.client;
  slot.client = nullptr;
  std::lock_guard lock(table().mutex);
  slot.taken = false;
  return true;
}

// An earlier life of the same expert.
void endInstance(const std::string& instance) {
  for (Slot& slot : table().slots) {
    slot.calls.fetch_add(1);
    const int32_t handle = slot.handle.load();
    const bool same = handle != 0 && slot.client->instance() == instance;
    slot.calls.fetch_sub(1);
    if (same) endSlot(slot, handle);
  }
}

int32_t startClient(const uint8_t* config, int32_t length) {
  Settings settings;
  if (const int32_t bad = readConfig(config, length, settings); bad != 0) return bad;
  std::string why;
  if (settings.tls && !(settings.secure = link::makeSecureClient(settings.trust, why))) return TROUPE_E_CONFIG_TLS_CA;
  pinModule();
  endInstance(settings.instance);
  Slot* slot = nullptr;
  int32_t handle = 0;
  {
    std::lock_guard lock(table().mutex);
    for (int32_t i = 0; i < TROUPE_MAX_HANDLES && slot == nullptr; ++i) {
      if (table().slots[i].taken) continue;
      slot = &table().slots[i];
      slot->taken = true;
      // A handle that is over stays unknown for a hundred million starts.
      table().generation = table().generation % 100'000'000 + 1;
      handle = static_cast<int32_t>(table().generation * TROUPE_MAX_HANDLES) + i;
    }
  }
  if (slot == nullptr) return TROUPE_E_TOO_MANY;
  int32_t error = TROUPE_E_MEMORY;
  LinkClient* client = nullptr;
  try {
    client = new LinkClient(settings);
    error = client->start() ? 0 : TROUPE_E_THREAD;
  } catch (const std::bad_alloc&) {
    error = TROUPE_E_MEMORY;
  } catch (...) {
    // The place is free again, whatever it was.
    error = TROUPE_E_INTERNAL;
  }
  if (error != 0) {
    delete client;
    std::lock_guard lock(table().mutex);
    slot->taken = false;
    return error;
  }
  slot->client = client;
  slot->handle = handle;
  return handle;
}

template <typename F>
int32_t guarded(F&& body) {
  try {
    return body();
  } catch (...) {
    return TROUPE_E_INTERNAL;
  }
}

template <typename F>
int32_t withClient(int32_t handle, F&& body) {
  return guarded([&] {
    const Call call(handle);
    return call.client() == nullptr ? int32_t{TROUPE_E_HANDLE} : body(*call.client());
  });
}

}  // namespace

}  // namespace troupe::dll

using namespace troupe::dll;

extern "C" {

int32_t troupe_start(const uint8_t* config, int32_t length) {
  return guarded([&] { return startClient(config, length); });
}

int32_t troupe_send(int32_t handle, const uint8_t* message, int32_t length) {
  return withClient(handle, [&](LinkClient& client) { return client.send(message, length); });
}

int32_t troupe_receive(int32_t handle, uint8_t* buffer, int32_t capacity) {
  return withClient(handle, [&](LinkClient& client) { return client.receive(buffer, capacity); });
}

int32_t troupe_stop(int32_t handle) {
  return guarded([&] { return endSlot(slotOf(handle), handle) ? 0 : int32_t{TROUPE_E_HANDLE}; });
}

int32_t troupe_wait(int32_t handle, int32_t timeout_ms) {
  return withClient(handle, [&](LinkClient& client) { return client.wait(timeout_ms); });
}

int32_t troupe_error_text(int32_t error, uint8_t* buffer, int32_t capacity) {
  return guarded([&] {
    const ErrorEntry* entry = findError(error);
    if (buffer == nullptr || entry == nullptr) return int32_t{TROUPE_E_ARGUMENT};
    const std::string text = std::string(entry->code) + ": " + entry->text;
    if (capacity <= static_cast<int32_t>(text.size())) return int32_t{TROUPE_E_BUFFER};
    std::memcpy(buffer, text.c_str(), text.size() + 1);
    return static_cast<int32_t>(text.size());
  });
}

}  // extern "C"
