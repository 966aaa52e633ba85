#include "test/dll_host/expert.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "link/crash_point.h"
#include "link/text.h"

namespace troupe::dll::host {

using link::FrameType;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kPushesATurn = 64;

template <typename T>
T read(const uint8_t* payload, size_t size) {
  T out{};
  std::memcpy(&out, payload, std::min(size, sizeof out));
  return out;
}

double sinceNs(Clock::time_point begin) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
}

std::string quoted(const char* text) { return "\"" + std::string(text) + "\""; }

}  // namespace

void print(const std::string& line) {
  static std::mutex& mutex = *new std::mutex;
  const std::lock_guard lock(mutex);
  std::fprintf(stdout, "%s\n", line.c_str());
  std::fflush(stdout);
}

void Expert::run() {
  buffer_.resize(TROUPE_RECEIVE_BYTES);
  TroupeConfig config{};
  config.size = sizeof config;
  config.version = TROUPE_CONFIG_VERSION;
  config.port = plan_.port;
  link::setTextCut(config.host, plan_.host);
  link::setTextCut(config.tls_fingerprint, plan_.fingerprint);
  link::setTextCut(config.tls_ca_file, plan_.ca);
  link::setTextCut(config.key, plan_.key);
  link::setTextCut(config.instance, plan_.name);
  link::setTextCut(config.feed, plan_.feed + plan_.name);
  link::setTextCut(config.login, "1");
  link::setTextCut(config.terminal, "DLL test host");
  link::setTextCut(config.margin_mode, plan_.margin_mode);
  handle_ = library_.start(reinterpret_cast<const uint8_t*>(&config), sizeof config);
  print(R"({"event":"started","expert":")" + plan_.name + R"(","handle":)" + std::to_string(handle_) + "}");
  if (handle_ <= 0) return;
  while (!ending_) {
    bool busy = false;
    while (!ending_ && receive()) busy = true;
    busy |= flowing_ && pushTicks();
    if (!busy) library_.wait(handle_, 1);
  }
}

void Expert::end() {
  abandon();
  const auto begin = Clock::now();
  const int32_t answer = library_.stop(handle_);
  print(R"({"event":"stopped","expert":")" + plan_.name + R"(","answer":)" + std::to_string(answer) + R"(,"ms":)" +
        std::to_string(sinceNs(begin) / 1e6) + "}");
}

void Expert::abandon() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

bool Expert::receive() {
  const int32_t got = library_.receive(handle_, buffer_.data(), TROUPE_RECEIVE_BYTES);
  if (got < 0) {
    uint8_t text[256] = {};
    library_.error_text(got, text, sizeof text);
    print(R"({"event":"error","expert":")" + plan_.name + R"(","text":)" + quoted(reinterpret_cast<const char*>(text)) +
          "}");
    ending_ = true;
  }
  if (got <= 0) return false;
  const auto head = read<TroupeMessage>(buffer_.data(), sizeof(TroupeMessage));
  onMessage(head.type, buffer_.data() + sizeof head, static_cast<size_t>(got) - sizeof head);
  return true;
}

void Expert::onMessage(uint16_t type, const uint8_t* payload, size_t size) {
  const std::string who = R"(,"expert":")" + plan_.name + "\"";
  if (type == TROUPE_LINK_UP) {
    const auto up = read<TroupeLinkUp>(payload, size);
    print(R"({"event":"up")" + who + R"(,"session":)" + quoted(up.session) + R"(,"connection":)" +
          std::to_string(up.connection) + "}");
    link::Spec spec{};
    link::setTextCut(spec.name, "EURUSD");
    spec.digits = 5;
    spec.point = spec.tick_size = 1e-5;
    spec.contract_size = 100'000;
    spec.volume_min = spec.volume_step = 0.01;
    spec.volume_max = 50;
    link::setTextCut(spec.calc_mode, "forex");
    say(static_cast<uint16_t>(FrameType::kSymbols), &spec, sizeof spec);
    was_up_ = true;
  } else if (type == TROUPE_LINK_LOST) {
    flowing_ = false;
    const auto lost = read<TroupeLinkLost>(payload, size);
    print(R"({"event":"lost")" + who + R"(,"error":)" + std::to_string(lost.error) + R"(,"code":)" + quoted(lost.code) +
          "}");
  } else if (type == TROUPE_REFUSED) {
    const auto refused = read<TroupeRefused>(payload, size);
    print(R"({"event":"refused")" + who + R"(,"code":)" + quoted(refused.code) + R"(,"retryMs":)" +
          std::to_string(refused.retry_ms) + "}");
  } else if (type == static_cast<uint16_t>(FrameType::kResume)) {
    onResume(payload, size);
  } else if (type == static_cast<uint16_t>(FrameType::kPlace)) {
    onPlace(read<link::Place>(payload, size));
  } else if (type == static_cast<uint16_t>(FrameType::kCancel)) {
    const auto cancel = read<link::Cancel>(payload, size);
    onChange(cancel.command, {Book::Change::kCancel, std::string(link::textOf(cancel.order_id)), 0, 0, 0});
  } else if (type == static_cast<uint16_t>(FrameType::kModify)) {
    const auto modify = read<link::Modify>(payload, size);
    onChange(modify.command, {Book::Change::kModify, std::string(link::textOf(modify.order_id)), modify.price,
                              modify.stop_loss, modify.take_profit});
  } else if (type == static_cast<uint16_t>(FrameType::kProtect)) {
    const auto protect = read<link::Protect>(payload, size);
    onChange(protect.command,
             {Book::Change::kProtect, book_.openedBy(protect.position_id), 0, protect.stop_loss, protect.take_profit});
  } else if (type == static_cast<uint16_t>(FrameType::kFind)) {
    const auto find = read<link::Find>(payload, size);
    answer(find.command, std::string(link::textOf(find.order_id)));
  }
}

void Expert::onResume(const uint8_t* payload, size_t size) {
  next_ = read<uint64_t>(payload, size);
  flowing_ = true;
  print(R"({"event":"resume","expert":")" + plan_.name + R"(","kept":)" + std::to_string(next_) + "}");
}

void Expert::onPlace(const link::Place& place) {
  const std::string id(link::textOf(place.order_id));
  TROUPE_CRASH_POINT(kTerminalCommandReceived);
  // What the expert's journal is for: an order that has been executed is not executed again.
  if (!book_.knows(id)) book_.execute(place, 1);
  TROUPE_CRASH_POINT(kTerminalExecuted);
  answer(place.command, id);
}

void Expert::onChange(uint64_t command, const Book::Change& change) {
  TROUPE_CRASH_POINT(kTerminalCommandReceived);
  // As the expert tells: what stands already is done, and not asked of the server again.
  if (book_.knows(change.order_id) && !book_.stands(change)) book_.make(change);
  TROUPE_CRASH_POINT(kTerminalExecuted);
  answer(command, change.order_id);
}

void Expert::answer(uint64_t command, const std::string& order_id) {
  std::vector<uint8_t> payload(sizeof(link::Result));
  const link::Result result = book_.resultOf(command, order_id);
  std::memcpy(payload.data(), &result, sizeof result);
  if (result.deals > 0) {
    const link::Deal deal = book_.dealOf(order_id);
    payload.resize(sizeof result + sizeof deal);
    std::memcpy(payload.data() + sizeof result, &deal, sizeof deal);
  }
  say(static_cast<uint16_t>(FrameType::kResult), payload.data(), payload.size());
}

void Expert::say(uint16_t type, const void* payload, size_t size) {
  message_.resize(sizeof(TroupeMessage) + size);
  const TroupeMessage head{type, 0};
  std::memcpy(message_.data(), &head, sizeof head);
  std::memcpy(message_.data() + sizeof head, payload, size);
  // The ring of a test's few answers is never full; were it, the bridge would say that nobody knows.
  if (library_.send(handle_, message_.data(), static_cast<int32_t>(message_.size())) != 1)
    print(R"({"event":"unsaid","type":)" + std::to_string(type) + "}");
}

// The bid of each tick is its number, so that a hole or a double shows by itself.
bool Expert::pushTicks() {
  if (next_ >= plan_.ticks) {
    tellPushes();
    return false;
  }
  const auto count = static_cast<uint32_t>(std::min<uint64_t>(plan_.batch, plan_.ticks - next_));
  const TroupeMessage head{static_cast<uint16_t>(FrameType::kTicks), 0};
  const link::TickBatchHeader batch{count, 0, 1};
  const size_t body = sizeof head + sizeof batch, one = body + count * sizeof(link::Tick);
  const int turns = static_cast<int>(std::min<uint64_t>(kPushesATurn, (plan_.ticks - next_) / count));
  // Laid out before the clock runs: what is measured is the push.
  message_.resize(static_cast<size_t>(turns) * one);
  for (int turn = 0; turn < turns; ++turn) {
    uint8_t* at = message_.data() + static_cast<size_t>(turn) * one;
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + sizeof head, &batch, sizeof batch);
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t number = next_ + static_cast<uint64_t>(turn) * count + i;
      const double bid = 1.0 + static_cast<double>(number) * 1e-5;
      const link::Tick tick{1'700'000'000'000 + static_cast<int64_t>(number), bid, bid + 1e-5, 0, 6};
      std::memcpy(at + body + i * sizeof tick, &tick, sizeof tick);
    }
  }
  int taken = 0;
  const auto begin = Clock::now();
  for (; taken < turns; ++taken)
    if (library_.send(handle_, message_.data() + static_cast<size_t>(taken) * one, static_cast<int32_t>(one)) != 1)
      break;
  const double ns = sinceNs(begin);
  next_ += static_cast<uint64_t>(taken) * count;
  if (taken == turns) {
    costs_.push_back(static_cast<float>(ns / turns / count));
    // The least that a push can be: the same bytes, copied once.
    buffer_.resize(std::max(buffer_.size(), message_.size()));
    const auto copy = Clock::now();
    for (int turn = 0; turn < turns; ++turn)
      std::memcpy(buffer_.data() + static_cast<size_t>(turn) * one, message_.data() + static_cast<size_t>(turn) * one,
                  one);
    copies_.push_back(static_cast<float>(sinceNs(copy) / turns / count));
  }
  return taken == turns;
}

void Expert::tellPushes() {
  if (told_ || costs_.empty()) return;
  told_ = true;
  const auto part = [](std::vector<float>& values, double share) {
    std::sort(values.begin(), values.end());
    return std::to_string(values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))]);
  };
  print(R"({"event":"pushed","expert":")" + plan_.name + R"(","ticks":)" + std::to_string(next_) + R"(,"batch":)" +
        std::to_string(plan_.batch) + R"(,"medianNs":)" + part(costs_, 0.5) + R"(,"p99Ns":)" + part(costs_, 0.99) +
        R"(,"copyMedianNs":)" + part(copies_, 0.5) + "}");
}

}  // namespace troupe::dll::host
