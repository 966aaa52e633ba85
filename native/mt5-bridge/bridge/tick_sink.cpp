#include "bridge/tick_sink.h"

#include <charconv>

#include "bridge/log.h"
#include "bridge/subjects.h"

namespace troupe::bridge {

namespace {

// "<prefix><first>-<last>", and whatever else stands behind it.
struct Numbered {
  std::string_view prefix;
  uint64_t last = 0;
};

Numbered parseId(std::string_view id) {
  const size_t dash = id.rfind('-');
  const size_t dot = dash == std::string_view::npos ? dash : id.rfind('.', dash);
  if (dot == std::string_view::npos) return {};
  Numbered out{id.substr(0, dot + 1), 0};
  std::from_chars(id.data() + dash + 1, id.data() + id.size(), out.last);
  return out;
}

}  // namespace

std::string TickSink::subjectOf(const std::string& symbol) const { return tickSubject(source_, symbol, partitions_); }

std::string TickSink::idPrefix(const std::string& feed, const std::string& symbol) const {
  return token(source_) + "." + token(feed) + "." + token(symbol) + ".";
}

uint32_t TickSink::keyOf(const std::string& subject) {
  return keys_.try_emplace(subject, static_cast<uint32_t>(keys_.size())).first->second;
}

void TickSink::begin(const std::string& feed, const std::vector<std::string>& symbols) {
  routes_.clear();
  for (const std::string& symbol : symbols) {
    const std::string subject = subjectOf(symbol);
    routes_.push_back({subject, idPrefix(feed, symbol), keyOf(subject)});
  }
}

size_t TickSink::room() const {
  if (!spilling_) return publisher_.room();
  return troubled_ || spill_.full() ? 0 : publisher_.window();
}

bool TickSink::publish(uint32_t symbol, const market::v1::TickFrame& frame) {
  const Route& route = routes_[symbol];
  frame.SerializeToString(&bytes_);
  id_ = route.id_prefix;
  // Both ends: after a restart the same ticks may be cut into other frames, and a longer one must not be dropped as
  // the double of a shorter one.
  const auto first = static_cast<uint64_t>(frame.first_sequence());
  id_ += std::to_string(first) + "-" + std::to_string(first + static_cast<uint64_t>(frame.bid_size()) - 1);
  const Publication publication{route.subject, id_,       bytes_.data(),
                                bytes_.size(), route.key, static_cast<uint32_t>(frame.bid_size())};
  return spilling_ ? spill(publication) : publisher_.offer(publication);
}

bool TickSink::spillTo(const std::string& path, uint64_t most_bytes, std::string& error) {
  const bool good = spill_.open(
      path, most_bytes,
      [this](const Publication& p) {
        note(p.id);
        market::v1::TickFrame frame;
        if (frame.ParseFromArray(p.data, static_cast<int>(p.size)))
          before_[std::string(parseId(p.id).prefix)] = {std::string(p.subject), frame.session()};
      },
      error);
  if (!good) return false;
  can_spill_ = true;
  spilling_ = !spill_.drained();
  spill_bytes_.store(spill_.bytes(), std::memory_order_relaxed);
  if (spill_.droppedBytes() > 0)
    logWarn("E_SPILL_TORN", path + ": dropped " + std::to_string(spill_.droppedBytes()) +
                                " bytes behind the last whole record; the terminal sends those ticks again");
  if (spilling_)
    logInfo(path + ": " + std::to_string(spill_.bytes()) + " bytes of ticks of an earlier run are published first");
  return true;
}

bool TickSink::recover(const TickStore& store, std::string& error) {
  for (const auto& [prefix, one] : before_) {
    std::vector<uint64_t> kept;
    if (!store.kept(one.feed, {one.subject}, kept, error)) return false;
    kept_[prefix] = kept[0];
  }
  before_.clear();
  return true;
}

std::vector<uint64_t> TickSink::spilled(const std::string& feed, const std::vector<std::string>& symbols) const {
  std::vector<uint64_t> out;
  for (const std::string& symbol : symbols) {
    const auto at = last_.find(idPrefix(feed, symbol));
    out.push_back(at == last_.end() ? 0 : at->second);
  }
  return out;
}

void TickSink::note(std::string_view id) {
  const Numbered parsed = parseId(id);
  uint64_t& last = last_[std::string(parsed.prefix)];
  last = std::max(last, parsed.last);
}

// One line per trouble, until a record could be written again.
void TickSink::trouble(const char* code, const std::string& error) {
  if (!troubled_) logError(code, error + "; the terminal waits until NATS takes ticks again");
  troubled_ = true;
}

bool TickSink::spill(const Publication& publication) {
  std::string error;
  if (!spill_.append(publication, error)) {
    const bool full = error.empty();
    trouble(full ? "E_SPILL_FULL" : "E_SPILL", full ? "the spill file is full (--spill-mb)" : error);
    return false;
  }
  note(publication.id);
  spilled_frames_.fetch_add(1, std::memory_order_relaxed);
  spill_bytes_.store(spill_.bytes(), std::memory_order_relaxed);
  return true;
}

bool TickSink::saveFlight() {
  bool good = true;
  const uint64_t before = covered_;
  publisher_.forEachUnacked([&](uint64_t number, const Publication& publication) {
    if (good && number > before) good = spill(publication);
  });
  // They are the publisher's to send again; they stand here for the next run, should there be one.
  spill_.passAll();
  if (good) covered_ = publisher_.published();
  return good;
}

void TickSink::tend(int64_t now_us) {
  if (!can_spill_) return;
  std::string error;
  if (!spilling_) {
    if (!spill_.empty() && publisher_.ackedMessages() >= covered_) {
      if (!spill_.clear(error)) return trouble("E_SPILL", error);
      last_.clear();
      troubled_ = false;
      spill_bytes_.store(0, std::memory_order_relaxed);
    }
    if (publisher_.room() > 0) {
      troubled_ = false;
      stalled_us_ = -1;
      return;
    }
    const uint64_t acked = publisher_.ackedMessages();
    if (stalled_us_ < 0 || acked != acked_seen_) {
      stalled_us_ = now_us;
      acked_seen_ = acked;
      return;
    }
    if (now_us - stalled_us_ < kPatienceUs || troubled_ || !saveFlight()) return;
    spilling_ = true;
    logWarn("E_SPILLING", "JetStream acknowledges nothing: ticks go to the spill file until it does");
  }
  drain();
  if (now_us - synced_us_ >= kSyncUs) {
    synced_us_ = now_us;
    if (!spill_.sync(error)) trouble("E_SPILL", error);
  }
}

void TickSink::drain() {
  std::string error;
  while (!spill_.drained() && publisher_.room() > 0) {
    Publication publication{};
    if (!spill_.front(publication, error)) return trouble("E_SPILL", error);
    const Numbered numbered = parseId(publication.id);
    const auto kept = kept_.find(std::string(numbered.prefix));
    if (kept == kept_.end() || numbered.last > kept->second) {
      publication.key = keyOf(std::string(publication.subject));
      if (!publisher_.offer(publication)) return;
      covered_ = publisher_.published();
    }
    spill_.pass();
  }
  // With room for more: NATS is there. Without, an empty file means only that nothing has come yet.
  if (!spill_.drained() || publisher_.room() == 0) return;
  spilling_ = false;
  stalled_us_ = -1;
  kept_.clear();
  logInfo("ticks go to JetStream again; the spill file has been published");
}

}  // namespace troupe::bridge
