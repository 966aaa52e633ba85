// What terminal and bridge say to each other over TCP.
//
// The terminal side (simulated terminal today, the DLL inside MetaTrader tomorrow) is the client; the bridge listens.
// Every frame is a FrameHeader followed by `length` bytes of payload. All numbers are little-endian. Payloads are
// packed structs of fixed layout, because the expert that will fill them is MQL5, which has packed structs and no
// protobuf. Text is UTF-8 in fixed arrays, zero-padded, and always zero-terminated.
//
// A connection begins with the handshake of link/handshake.h. A frame that is too long, of an unknown type or version,
// whose payload has the wrong size, or whose checksum or number is wrong closes the link: after such a frame nothing
// that follows can be trusted.
#pragma once

#include <cstdint>

namespace troupe::link {

inline constexpr uint16_t kVersion = 4;
inline constexpr uint32_t kMaxPayloadBytes = 4u << 20;
inline constexpr uint32_t kMaxTicksPerFrame = 4096;
// Times on the link are milliseconds from 1970 up to the end of the year 9999.
inline constexpr int64_t kMaxTimeMs = 253'402'300'799'999;

#pragma pack(push, 1)

struct FrameHeader {
  uint32_t length;    // payload bytes, at most kMaxPayloadBytes
  uint16_t type;      // FrameType
  uint16_t version;   // kVersion
  uint64_t sequence;  // counts the frames of one direction of one connection, from 1, without holes
  uint32_t crc;       // CRC-32 of the 16 bytes before it and then the payload
};

enum class FrameType : uint16_t {
  // terminal -> bridge
  kHello = 1,     // Hello: first frame of a connection
  kSymbols = 2,   // Spec[n]: the symbols, sent after kWelcome; index in this list = Tick::symbol
  kTicks = 3,     // TickBatchHeader + Tick[n]; after kResume, beginning with the first tick that is not kept
  kResult = 4,    // Result (+ Deal[n]): answer to one command
  kOrder = 5,     // EventHeader + Order: an order changed
  kDeal = 6,      // EventHeader + Deal
  kPosition = 7,  // EventHeader + Position (volume 0: closed)
  kAccount = 8,   // EventHeader + Account
  kSnapshotBegin =
      9,  // SnapshotBegin, then Spec/Order/Position/Deal/Account frames of the types below, then kSnapshotEnd
  kSnapshotOrders = 10,     // SnapshotPart + Order[n]
  kSnapshotPositions = 11,  // SnapshotPart + Position[n]
  kSnapshotDeals = 12,      // SnapshotPart + Deal[n]
  kSnapshotEnd = 13,        // SnapshotBegin again (same command)
  kTapeEnd = 14,            // TapeEnd: the simulated terminal has played all its ticks
  kHeartbeat = 15,          // Heartbeat, both directions, at least every second
  kProof = 16,              // Proof: answer to kChallenge
  kStatus = 17,             // TerminalStatus: after kSymbols, and whenever something of it has changed
  // bridge -> terminal
  kWelcome = 32,    // Welcome: answer to kProof; only after it the terminal sends kSymbols
  kPlace = 33,      // Place
  kCancel = 34,     // Cancel
  kModify = 35,     // Modify
  kProtect = 36,    // Protect
  kFind = 37,       // Find
  kSnapshot = 38,   // TakeSnapshot
  kResume = 39,     // u64[n], answer to kSymbols: per symbol, how many ticks of Hello::feed are kept. Ticks follow
  kChallenge = 40,  // Challenge: answer to kHello
  kRefused = 41,    // Refused: the bridge does not want this terminal, and closes
};

// Whether the bridge asks the terminal to trade: an order, or a change of what is there.
constexpr bool isTrade(FrameType type) { return type >= FrameType::kPlace && type <= FrameType::kProtect; }

struct Hello {
  uint16_t version_low, version_high;  // of the link, that this terminal speaks
  uint8_t nonce[32];                   // fresh from the operating system
  char session[32];                    // unique per connection: its execution events are numbered from 1
  // Unique per life of the terminal's history: its ticks are numbered from 1 for each symbol, across restarts and
  // reconnects, and a tick that the bridge has not kept is sent again with the number it had.
  char feed[32];
  char login[32];
  char terminal[32];     // product and build
  char margin_mode[12];  // netting, hedging or exchange
  int32_t utc_offset_s;  // broker's wall clock minus UTC
  uint64_t wall_us;
};

struct Challenge {
  uint8_t nonce[32];  // fresh from the operating system
};

// HMAC-SHA256 by the shared key over "troupe-terminal-3", Challenge::nonce and the hello as it was sent.
struct Proof {
  uint8_t mac[32];
};

struct Welcome {
  char bridge[32];
  uint16_t version;  // the highest that both sides speak
  // HMAC-SHA256 by the shared key over "troupe-bridge-3", Hello::nonce, Challenge::nonce and `version`.
  uint8_t mac[32];
  uint64_t wall_us;
};

struct Refused {
  char code[32];
  char message[128];
  uint32_t retry_after_ms;  // 0: not before somebody has changed something
};

struct Spec {
  char name[32];
  uint32_t digits;
  double point, tick_size, contract_size;
  double volume_min, volume_max, volume_step;
  uint32_t stops_level_points, freeze_level_points;
  char currency_base[8], currency_profit[8], currency_margin[8];
  char calc_mode[16];
};

struct TickBatchHeader {
  uint32_t count;     // 1..kMaxTicksPerFrame
  uint32_t reserved;  // 0
  uint64_t sent_us;   // wall clock when this batch left the terminal
};

// Times are the broker's wall clock written as if it were UTC, as MetaTrader gives them; the bridge subtracts
// Hello::utc_offset_s.
struct Tick {
  int64_t time_ms;
  double bid, ask;
  uint32_t symbol;  // index into the list of kSymbols
  uint32_t flags;   // MT5 tick flags; 6 = both sides
};

struct EventHeader {
  uint64_t sequence;  // counts the execution events of one session, from 1
  int64_t time_ms;
};

struct Order {
  uint64_t ticket;
  char order_id[32];  // client order id (the comment)
  char symbol[32];
  uint8_t side;   // trading.v1.Side
  uint8_t type;   // trading.v1.OrderType
  uint8_t state;  // trading.v1.OrderState
  uint8_t reserved;
  uint32_t retcode;
  double volume_lots, filled_lots, price, stop_limit_price, stop_loss, take_profit;
  uint64_t magic, position_id;
  int64_t time_ms;
};

struct Deal {
  uint64_t ticket, order_ticket, position_id;
  char order_id[32];
  uint64_t magic;
  char symbol[32];
  uint8_t side;
  uint8_t reserved[7];
  char entry[16];
  double volume_lots, price, profit, commission, swap, fee;
  int64_t time_ms;
  char reason[16];
};

struct Position {
  uint64_t position_id;
  char symbol[32];
  uint8_t side;
  uint8_t reserved[7];
  double volume_lots, open_price, stop_loss, take_profit, profit, swap;
  uint64_t magic;
  char order_id[32];
  int64_t time_ms;
};

struct Account {
  char login[32];
  char currency[8];
  double balance, equity, margin, free_margin;
  uint32_t leverage;
  char margin_mode[12];
  uint8_t trade_allowed;
  uint8_t reserved[7];
  int64_t time_ms;
};

struct Place {
  uint64_t command;  // chosen by the bridge, echoed in Result::command
  char order_id[32];
  char symbol[32];
  uint8_t side, type, time_in_force, reserved;
  uint32_t deviation_points;
  double volume_lots, price, stop_limit_price, stop_loss, take_profit;
  int64_t expiration_ms;  // broker's wall clock, 0 = none
  uint64_t magic, position_id;
};

struct Cancel {
  uint64_t command;
  uint64_t ticket;
  char order_id[32];
};

struct Modify {
  uint64_t command;
  uint64_t ticket;
  char order_id[32];
  double price, stop_limit_price, stop_loss, take_profit;
};

struct Protect {
  uint64_t command;
  uint64_t position_id;
  char symbol[32];
  double stop_loss, take_profit;
};

struct Find {
  uint64_t command;
  uint64_t magic;
  char order_id[32];
};

struct TakeSnapshot {
  uint64_t command;
  int64_t deals_since_ms;  // broker's wall clock
};

// Answer to kPlace, kCancel, kModify, kProtect and kFind.
struct Result {
  uint64_t command;
  uint8_t outcome;  // bridge.v1.Outcome
  uint8_t reserved[3];
  uint32_t retcode;  // MetaTrader return code
  char message[64];
  uint64_t received_us;  // wall clock when the terminal had the command
  uint32_t has_order;    // 1 when `order` is filled
  uint32_t deals;        // number of Deal structs that follow
  Order order;
};

struct SnapshotBegin {
  // 0: nobody has asked for it. The terminal could not tell some execution events and tells the whole state instead:
  // the next event has the number after event_sequence, whatever was told before.
  uint64_t command;
  uint64_t event_sequence;  // last execution event that the snapshot includes
  int64_t time_ms;
  int64_t deals_since_ms;  // the deals from here on are in it
  Account account;
};

struct SnapshotPart {
  uint64_t command;
  uint32_t count;
  uint32_t reserved;
};

// Who lets the terminal trade: 1 yes, 0 no.
struct TerminalStatus {
  uint32_t build;     // 0: it does not say
  uint32_t ping_us;   // of the terminal to the trade server, 0: it does not know
  uint8_t connected;  // to the trade server
  uint8_t terminal_allows, expert_allows, account_allows, server_allows;
  uint8_t reserved[3];
};

struct TapeEnd {
  uint64_t ticks;  // of the feed, all in all
};

struct Heartbeat {
  uint64_t wall_us;
};

#pragma pack(pop)

static_assert(sizeof(FrameHeader) == 20);
static_assert(sizeof(Tick) == 32);
static_assert(sizeof(TickBatchHeader) == 16);
static_assert(sizeof(EventHeader) == 16);

}  // namespace troupe::link
