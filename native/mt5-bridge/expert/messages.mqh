// What expert and bridge say to each other, as packed structs: the mirror of link/messages.h, held to it byte for byte
// by test/expert_layout_test.cpp. Text is UTF-8 in fixed arrays, zero-padded, always zero-terminated.
//
// MQL5 packs structs by default; C++ has to be told.
#ifndef TROUPE_MESSAGES_MQH
#define TROUPE_MESSAGES_MQH

#ifndef __MQL5__
#pragma pack(push, 1)
#endif

// terminal -> bridge
#define FRAME_SYMBOLS 2
#define FRAME_TICKS 3
#define FRAME_RESULT 4
#define FRAME_ORDER 5
#define FRAME_DEAL 6
#define FRAME_POSITION 7
#define FRAME_ACCOUNT 8
#define FRAME_SNAPSHOT_BEGIN 9
#define FRAME_SNAPSHOT_ORDERS 10
#define FRAME_SNAPSHOT_POSITIONS 11
#define FRAME_SNAPSHOT_DEALS 12
#define FRAME_SNAPSHOT_END 13
#define FRAME_STATUS 17
// bridge -> terminal
#define FRAME_PLACE 33
#define FRAME_CANCEL 34
#define FRAME_MODIFY 35
#define FRAME_PROTECT 36
#define FRAME_FIND 37
#define FRAME_SNAPSHOT 38
#define FRAME_RESUME 39

// trading.v1.Side, OrderType, TimeInForce, OrderState; bridge.v1.Outcome.
#define SIDE_BUY 1
#define SIDE_SELL 2
#define TYPE_MARKET 1
#define TYPE_LIMIT 2
#define TYPE_STOP 3
#define TYPE_STOP_LIMIT 4
#define FORCE_GTC 1
#define FORCE_DAY 2
#define FORCE_SPECIFIED 3
#define STATE_NONE 0
#define STATE_WORKING 5
#define STATE_PARTIAL 6
#define STATE_FILLED 7
#define STATE_CANCELLED 8
#define STATE_REJECTED 9
#define STATE_EXPIRED 10
#define OUTCOME_DONE 1
#define OUTCOME_ACCEPTED 2
#define OUTCOME_REJECTED 3
#define OUTCOME_UNKNOWN 4
#define OUTCOME_NOT_FOUND 5
#define OUTCOME_REFUSED 6

struct Text8 {
  uchar c[8];
};
struct Text12 {
  uchar c[12];
};
struct Text16 {
  uchar c[16];
};
struct Text32 {
  uchar c[32];
};
struct Text64 {
  uchar c[64];
};
struct Text72 {
  uchar c[72];
};
struct Text96 {
  uchar c[96];
};
struct Text128 {
  uchar c[128];
};
struct Text256 {
  uchar c[256];
};

struct WireSpec {
  Text32 name;
  uint digits;
  double point;
  double tick_size;
  double contract_size;
  double volume_min;
  double volume_max;
  double volume_step;
  uint stops_level_points;
  uint freeze_level_points;
  Text8 currency_base;
  Text8 currency_profit;
  Text8 currency_margin;
  Text16 calc_mode;
};

struct WireTickHeader {
  uint count;
  uint reserved;
  ulong sent_us;
};

struct WireTick {
  long time_ms;
  double bid;
  double ask;
  uint symbol;
  uint flags;
};

struct WireEventHeader {
  ulong sequence;
  long time_ms;
};

struct WireOrder {
  ulong ticket;
  Text32 order_id;
  Text32 symbol;
  uchar side;
  uchar type;
  uchar state;
  uchar reserved;
  uint retcode;
  double volume_lots;
  double filled_lots;
  double price;
  double stop_limit_price;
  double stop_loss;
  double take_profit;
  ulong magic;
  ulong position_id;
  long time_ms;
};

struct WireDeal {
  ulong ticket;
  ulong order_ticket;
  ulong position_id;
  Text32 order_id;
  ulong magic;
  Text32 symbol;
  uchar side;
  uchar reserved[7];
  Text16 entry;
  double volume_lots;
  double price;
  double profit;
  double commission;
  double swap;
  double fee;
  long time_ms;
  Text16 reason;
};

struct WirePosition {
  ulong position_id;
  Text32 symbol;
  uchar side;
  uchar reserved[7];
  double volume_lots;
  double open_price;
  double stop_loss;
  double take_profit;
  double profit;
  double swap;
  ulong magic;
  Text32 order_id;
  long time_ms;
};

struct WireAccount {
  Text32 login;
  Text8 currency;
  double balance;
  double equity;
  double margin;
  double free_margin;
  uint leverage;
  Text12 margin_mode;
  uchar trade_allowed;
  uchar reserved[7];
  long time_ms;
};

struct WirePlace {
  ulong command;
  Text32 order_id;
  Text32 symbol;
  uchar side;
  uchar type;
  uchar time_in_force;
  uchar reserved;
  uint deviation_points;
  double volume_lots;
  double price;
  double stop_limit_price;
  double stop_loss;
  double take_profit;
  long expiration_ms;
  ulong magic;
  ulong position_id;
};

struct WireCancel {
  ulong command;
  ulong ticket;
  Text32 order_id;
};

struct WireModify {
  ulong command;
  ulong ticket;
  Text32 order_id;
  double price;
  double stop_limit_price;
  double stop_loss;
  double take_profit;
};

struct WireProtect {
  ulong command;
  ulong position_id;
  Text32 symbol;
  double stop_loss;
  double take_profit;
};

struct WireFind {
  ulong command;
  ulong magic;
  Text32 order_id;
};

struct WireTakeSnapshot {
  ulong command;
  long deals_since_ms;
};

struct WireResult {
  ulong command;
  uchar outcome;
  uchar reserved[3];
  uint retcode;
  Text64 message;
  ulong received_us;
  uint has_order;
  uint deals;
  WireOrder order;
};

struct WireSnapshotBegin {
  ulong command;
  ulong event_sequence;
  long time_ms;
  long deals_since_ms;
  WireAccount account;
};

struct WireSnapshotPart {
  ulong command;
  uint count;
  uint reserved;
};

struct WireStatus {
  uint build;
  uint ping_us;
  uchar connected;
  uchar terminal_allows;
  uchar expert_allows;
  uchar account_allows;
  uchar server_allows;
  uchar reserved[3];
};

#ifndef __MQL5__
#pragma pack(pop)
#endif

#endif
