#include "test/dll_host/book.h"

#include <cinttypes>
#include <cstring>

#include "link/text.h"

namespace troupe::dll::host {

namespace {

constexpr uint8_t kDone = 1, kNotFound = 5, kWorking = 5, kFilled = 7, kCancelled = 8, kMarket = 1, kLimit = 2;
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
  char line[256];
  while (std::fgets(line, sizeof line, file_) != nullptr && std::strchr(line, '\n') != nullptr)
    if (!read(line)) return false;
  std::fseek(file_, 0, SEEK_END);
  return true;
}

// `ID TICKET SIDE LOTS` is an order at the market; the changes and an order that waits say first what they are.
bool Book::read(const std::string& line) {
  char id[32];
  uint64_t ticket;
  unsigned side;
  double lots, price, stop_loss, take_profit;
  const char* text = line.c_str();
  if (std::sscanf(text, "+wait %31s %" SCNu64 " %u %lf %lf", id, &ticket, &side, &lots, &price) == 5) {
    Execution& one = note(id, ticket, static_cast<uint8_t>(side), lots);
    one.waits = true;
    one.price = price;
  } else if (std::sscanf(text, "+cancel %31s", id) == 1) {
    orders_.at(id).cancelled = true;
  } else if (std::sscanf(text, "+modify %31s %lf %lf %lf", id, &price, &stop_loss, &take_profit) == 4) {
    Execution& one = orders_.at(id);
    one.price = price;
    one.stop_loss = stop_loss;
    one.take_profit = take_profit;
  } else if (std::sscanf(text, "+protect %31s %lf %lf", id, &stop_loss, &take_profit) == 3) {
    orders_.at(id).stop_loss = stop_loss;
    orders_.at(id).take_profit = take_profit;
  } else if (std::sscanf(text, "%31s %" SCNu64 " %u %lf", id, &ticket, &side, &lots) == 4) {
    note(id, ticket, static_cast<uint8_t>(side), lots);
  } else {
    return false;
  }
  return true;
}

void Book::write(const std::string& line) {
  if (file_ != nullptr) {
    std::fputs(line.c_str(), file_);
    std::fflush(file_);
  }
  read(line);
}

Book::Execution& Book::note(const std::string& order_id, uint64_t ticket, uint8_t side, double lots) {
  last_ticket_ = ticket > last_ticket_ ? ticket : last_ticket_;
  // Hedging: a position for each opening order. Netting: one for the symbol.
  if (net_position_ == 0) net_position_ = ticket;
  Execution& one = orders_[order_id];
  one = {ticket, hedging_ ? ticket : net_position_, side, lots, one.times + 1, false, false, 0, 0, 0};
  return one;
}

void Book::execute(const link::Place& place, int64_t) {
  std::lock_guard lock(mutex_);
  char line[128];
  std::snprintf(line, sizeof line, "%s %" PRIu64 " %u %.8f\n", std::string(link::textOf(place.order_id)).c_str(),
                last_ticket_ + 1, place.side, place.volume_lots);
  write(line);
}

std::string Book::openedBy(uint64_t position) const {
  std::lock_guard lock(mutex_);
  for (const auto& [id, one] : orders_)
    if (!one.waits && (position == 0 || one.position == position)) return id;
  return {};
}

bool Book::stands(const Change& change) const {
  std::lock_guard lock(mutex_);
  const auto at = orders_.find(change.order_id);
  if (at == orders_.end()) return false;
  const Execution& one = at->second;
  if (change.kind == Change::kCancel) return one.cancelled;
  return one.stop_loss == change.stop_loss && one.take_profit == change.take_profit &&
         (change.kind == Change::kProtect || one.price == change.price);
}

void Book::make(const Change& change) {
  std::lock_guard lock(mutex_);
  char line[160];
  const char* id = change.order_id.c_str();
  if (change.kind == Change::kCancel) {
    std::snprintf(line, sizeof line, "+cancel %s\n", id);
  } else if (change.kind == Change::kModify) {
    std::snprintf(line, sizeof line, "+modify %s %.8f %.8f %.8f\n", id, change.price, change.stop_loss,
                  change.take_profit);
  } else {
    std::snprintf(line, sizeof line, "+protect %s %.8f %.8f\n", id, change.stop_loss, change.take_profit);
  }
  write(line);
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
  result.deals = one.waits ? 0 : 1;
  link::Order& order = result.order;
  order.ticket = one.ticket;
  link::setTextCut(order.order_id, order_id);
  link::setTextCut(order.symbol, "EURUSD");
  order.side = one.side;
  order.type = one.waits ? kLimit : kMarket;
  order.state = one.cancelled ? kCancelled : one.waits ? kWorking : kFilled;
  order.retcode = kRetcodeDone;
  order.volume_lots = one.lots;
  order.filled_lots = one.waits ? 0 : one.lots * one.times;
  order.price = one.price;
  order.stop_loss = one.stop_loss;
  order.take_profit = one.take_profit;
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
