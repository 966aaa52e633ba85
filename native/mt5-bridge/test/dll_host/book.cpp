#include "test/dll_host/book.h"

#include <cinttypes>

#include "link/text.h"

namespace troupe::dll::host {

namespace {

constexpr uint8_t kDone = 1, kNotFound = 5, kFilled = 7, kMarket = 1;
constexpr uint32_t kRetcodeDone = 10009;

}  // namespace

Book::~Book() {
  if (file_ != nullptr) std::fclose(file_);
}

bool Book::open(const std::string& path, bool hedging) {
  hedging_ = hedging;
  if (path.empty()) return true;
  file_ = std::fopen(path.c_str(), "a+b");
  if (file_ == nullptr) return false;
  std::rewind(file_);
  char id[32], end;
  uint64_t ticket;
  unsigned side;
  double lots;
  while (std::fscanf(file_, "%31s %" SCNu64 " %u %lf%c", id, &ticket, &side, &lots, &end) == 5 && end == '\n')
    note(id, ticket, static_cast<uint8_t>(side), lots);
  std::fseek(file_, 0, SEEK_END);
  return true;
}

void Book::note(const std::string& order_id, uint64_t ticket, uint8_t side, double lots) {
  last_ticket_ = ticket > last_ticket_ ? ticket : last_ticket_;
  // Hedging: a position for each opening order. Netting: one for the symbol.
  if (net_position_ == 0) net_position_ = ticket;
  Execution& one = orders_[order_id];
  one = {ticket, hedging_ ? ticket : net_position_, side, lots, one.times + 1};
}

void Book::execute(const link::Place& place, int64_t) {
  std::lock_guard lock(mutex_);
  const std::string id(link::textOf(place.order_id));
  const uint64_t ticket = last_ticket_ + 1;
  if (file_ != nullptr) {
    std::fprintf(file_, "%s %" PRIu64 " %u %.8f\n", id.c_str(), ticket, place.side, place.volume_lots);
    std::fflush(file_);
  }
  note(id, ticket, place.side, place.volume_lots);
}

bool Book::knows(const std::string& order_id) const {
  std::lock_guard lock(mutex_);
  return orders_.contains(order_id);
}

link::Result Book::resultOf(uint64_t command, const std::string& order_id) const {
  std::lock_guard lock(mutex_);
  link::Result result{};
  result.command = command;
  const auto at = orders_.find(order_id);
  if (at == orders_.end()) {
    result.outcome = kNotFound;
    return result;
  }
  const Execution& one = at->second;
  result.outcome = kDone;
  result.retcode = kRetcodeDone;
  result.has_order = 1;
  result.deals = 1;
  link::Order& order = result.order;
  order.ticket = one.ticket;
  link::setTextCut(order.order_id, order_id);
  link::setTextCut(order.symbol, "EURUSD");
  order.side = one.side;
  order.type = kMarket;
  order.state = kFilled;
  order.retcode = kRetcodeDone;
  order.volume_lots = one.lots;
  order.filled_lots = one.lots * one.times;
  order.position_id = one.position;
  return result;
}

link::Deal Book::dealOf(const std::string& order_id) const {
  std::lock_guard lock(mutex_);
  link::Deal deal{};
  const Execution& one = orders_.at(order_id);
  deal.ticket = one.ticket;
  deal.order_ticket = one.ticket;
  deal.position_id = one.position;
  link::setTextCut(deal.order_id, order_id);
  link::setTextCut(deal.symbol, "EURUSD");
  deal.side = one.side;
  link::setTextCut(deal.entry, "in");
  link::setTextCut(deal.reason, "expert");
  deal.volume_lots = one.lots * one.times;
  deal.price = 1.1;
  return deal;
}

}  // namespace troupe::dll::host
