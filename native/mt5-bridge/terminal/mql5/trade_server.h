// The broker's side: takes a request as MQL5 sends it, lets the engine execute it by the rules of the profile, and
// tells of what happened in transactions, in the order in which MetaTrader was seen to tell of it. Pure.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "engine/engine.h"
#include "terminal/mql5/profile.h"
#include "terminal/mql5/words.h"

namespace troupe::terminal {

class TradeServer {
 public:
  // `engine` begins with client_ids off (EngineConfig).
  TradeServer(Engine& engine, const Profile& profile);

  // The answer; request_id is the terminal's affair. `number` counts requests: chance is drawn from it.
  // `session_s`: see open().
  MqlTradeResult execute(const MqlTradeRequest& request, uint64_t number, int64_t session_s);
  // Transactions of the engine's events, without TRADE_TRANSACTION_REQUEST.
  std::vector<MqlTradeTransaction> transactionsOf(const std::vector<Event>& events);

  // POSITION_TICKET: that of the order that reversed the position last, or else its identifier.
  uint64_t ticketOf(uint64_t position_id) const;
  uint64_t positionByTicket(uint64_t ticket) const;  // its identifier, 0: none
  bool open(int64_t session_s) const;                // broker's wall clock, seconds

 private:
  MqlTradeResult deal(const MqlTradeRequest& request, uint64_t number);
  MqlTradeResult closeBy(const MqlTradeRequest& request);
  MqlTradeResult pending(const MqlTradeRequest& request);
  MqlTradeResult answer(const Result& result, const MqlTradeRequest& request) const;
  MqlTradeResult refused(uint32_t retcode, const char* comment, const MqlTradeRequest& request) const;
  std::string commentOf(const ::string& comment) const;
  PlaceRequest placeOf(const MqlTradeRequest& request) const;
  void noteDeal(const Deal& deal);

  Engine& engine_;
  const Profile& profile_;
  std::set<uint64_t> active_;             // orders that a transaction has added
  std::map<uint64_t, uint64_t> tickets_;  // position id -> ticket, where they differ
};

}  // namespace troupe::terminal
