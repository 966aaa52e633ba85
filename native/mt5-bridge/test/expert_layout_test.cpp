// Expert, bridge and DLL mean the same bytes: the structs of expert/messages.mqh, local.mqh and sockets/ against
// link/messages.h and dll/troupe_link.h, the numbers of frames and return codes, and what the self-test expects.
#include <fstream>
#include <map>
#include <sstream>

#include "bridge/retcode_class.h"
#include "link/crc32.h"
#include "link/handshake.h"
#include "test/expert_harness.h"

namespace {

#include "expert/sockets/frames.mqh"

#define SAME_SIZE(mine, theirs) static_assert(sizeof(mine) == sizeof(theirs), #mine " is not " #theirs)
#define SAME_PLACE(mine, theirs, field)                                                        \
  static_assert(offsetof(mine, field) == offsetof(theirs, field), #mine "::" #field " moved"); \
  static_assert(sizeof(mine::field) == sizeof(theirs::field), #mine "::" #field " has another size")

SAME_SIZE(WireFrameHeader, wire::FrameHeader);
SAME_PLACE(WireFrameHeader, wire::FrameHeader, type);
SAME_PLACE(WireFrameHeader, wire::FrameHeader, version);
SAME_PLACE(WireFrameHeader, wire::FrameHeader, sequence);
SAME_PLACE(WireFrameHeader, wire::FrameHeader, crc);
SAME_SIZE(WireHello, wire::Hello);
SAME_PLACE(WireHello, wire::Hello, nonce);
SAME_PLACE(WireHello, wire::Hello, session);
SAME_PLACE(WireHello, wire::Hello, feed);
SAME_PLACE(WireHello, wire::Hello, login);
SAME_PLACE(WireHello, wire::Hello, terminal);
SAME_PLACE(WireHello, wire::Hello, margin_mode);
SAME_PLACE(WireHello, wire::Hello, utc_offset_s);
SAME_PLACE(WireHello, wire::Hello, wall_us);
SAME_SIZE(WireWelcome, wire::Welcome);
SAME_PLACE(WireWelcome, wire::Welcome, version);
SAME_PLACE(WireWelcome, wire::Welcome, mac);
SAME_SIZE(WireRefused, wire::Refused);
SAME_PLACE(WireRefused, wire::Refused, retry_after_ms);
SAME_SIZE(WireHeartbeat, wire::Heartbeat);
SAME_SIZE(WireSpec, wire::Spec);
SAME_PLACE(WireSpec, wire::Spec, point);
SAME_PLACE(WireSpec, wire::Spec, volume_step);
SAME_PLACE(WireSpec, wire::Spec, freeze_level_points);
SAME_PLACE(WireSpec, wire::Spec, currency_margin);
SAME_PLACE(WireSpec, wire::Spec, calc_mode);
SAME_SIZE(WireTickHeader, wire::TickBatchHeader);
SAME_PLACE(WireTickHeader, wire::TickBatchHeader, sent_us);
SAME_SIZE(WireTick, wire::Tick);
SAME_PLACE(WireTick, wire::Tick, bid);
SAME_PLACE(WireTick, wire::Tick, ask);
SAME_PLACE(WireTick, wire::Tick, symbol);
SAME_PLACE(WireTick, wire::Tick, flags);
SAME_SIZE(WireEventHeader, wire::EventHeader);
SAME_SIZE(WireOrder, wire::Order);
SAME_PLACE(WireOrder, wire::Order, order_id);
SAME_PLACE(WireOrder, wire::Order, symbol);
SAME_PLACE(WireOrder, wire::Order, side);
SAME_PLACE(WireOrder, wire::Order, state);
SAME_PLACE(WireOrder, wire::Order, retcode);
SAME_PLACE(WireOrder, wire::Order, filled_lots);
SAME_PLACE(WireOrder, wire::Order, take_profit);
SAME_PLACE(WireOrder, wire::Order, position_id);
SAME_PLACE(WireOrder, wire::Order, time_ms);
SAME_SIZE(WireDeal, wire::Deal);
SAME_PLACE(WireDeal, wire::Deal, position_id);
SAME_PLACE(WireDeal, wire::Deal, magic);
SAME_PLACE(WireDeal, wire::Deal, side);
SAME_PLACE(WireDeal, wire::Deal, entry);
SAME_PLACE(WireDeal, wire::Deal, profit);
SAME_PLACE(WireDeal, wire::Deal, fee);
SAME_PLACE(WireDeal, wire::Deal, reason);
SAME_SIZE(WirePosition, wire::Position);
SAME_PLACE(WirePosition, wire::Position, side);
SAME_PLACE(WirePosition, wire::Position, open_price);
SAME_PLACE(WirePosition, wire::Position, magic);
SAME_PLACE(WirePosition, wire::Position, order_id);
SAME_SIZE(WireAccount, wire::Account);
SAME_PLACE(WireAccount, wire::Account, balance);
SAME_PLACE(WireAccount, wire::Account, leverage);
SAME_PLACE(WireAccount, wire::Account, trade_allowed);
SAME_PLACE(WireAccount, wire::Account, time_ms);
SAME_SIZE(WirePlace, wire::Place);
SAME_PLACE(WirePlace, wire::Place, side);
SAME_PLACE(WirePlace, wire::Place, time_in_force);
SAME_PLACE(WirePlace, wire::Place, volume_lots);
SAME_PLACE(WirePlace, wire::Place, take_profit);
SAME_PLACE(WirePlace, wire::Place, position_id);
SAME_SIZE(WireCancel, wire::Cancel);
SAME_PLACE(WireCancel, wire::Cancel, order_id);
SAME_SIZE(WireModify, wire::Modify);
SAME_PLACE(WireModify, wire::Modify, take_profit);
SAME_SIZE(WireProtect, wire::Protect);
SAME_PLACE(WireProtect, wire::Protect, take_profit);
SAME_SIZE(WireFind, wire::Find);
SAME_PLACE(WireFind, wire::Find, order_id);
SAME_SIZE(WireTakeSnapshot, wire::TakeSnapshot);
SAME_SIZE(WireResult, wire::Result);
SAME_PLACE(WireResult, wire::Result, retcode);
SAME_PLACE(WireResult, wire::Result, message);
SAME_PLACE(WireResult, wire::Result, received_us);
SAME_PLACE(WireResult, wire::Result, order);
SAME_SIZE(WireSnapshotBegin, wire::SnapshotBegin);
SAME_PLACE(WireSnapshotBegin, wire::SnapshotBegin, account);
SAME_PLACE(WireSnapshotBegin, wire::SnapshotBegin, deals_since_ms);
SAME_SIZE(WireStatus, wire::TerminalStatus);
SAME_PLACE(WireStatus, wire::TerminalStatus, ping_us);
SAME_PLACE(WireStatus, wire::TerminalStatus, connected);
SAME_PLACE(WireStatus, wire::TerminalStatus, server_allows);
SAME_SIZE(WireSnapshotPart, wire::SnapshotPart);

SAME_SIZE(LinkConfig, TroupeConfig);
SAME_PLACE(LinkConfig, TroupeConfig, port);
SAME_PLACE(LinkConfig, TroupeConfig, key);
SAME_PLACE(LinkConfig, TroupeConfig, instance);
SAME_PLACE(LinkConfig, TroupeConfig, margin_mode);
SAME_PLACE(LinkConfig, TroupeConfig, utc_offset_s);
SAME_PLACE(LinkConfig, TroupeConfig, idle_limit_ms);
SAME_PLACE(LinkConfig, TroupeConfig, flags);
SAME_PLACE(LinkConfig, TroupeConfig, tls_fingerprint);
SAME_PLACE(LinkConfig, TroupeConfig, tls_ca_file);
SAME_SIZE(MessageHead, TroupeMessage);
SAME_SIZE(LinkUp, TroupeLinkUp);
SAME_PLACE(LinkUp, TroupeLinkUp, session);
SAME_SIZE(LinkLost, TroupeLinkLost);
SAME_PLACE(LinkLost, TroupeLinkLost, message);
SAME_SIZE(LinkRefused, TroupeRefused);
SAME_PLACE(LinkRefused, TroupeRefused, retry_ms);
SAME_SIZE(LinkDropped, TroupeDropped);

static_assert(LOCAL_LINK_UP == TROUPE_LINK_UP && LOCAL_LINK_LOST == TROUPE_LINK_LOST);
static_assert(LOCAL_REFUSED == TROUPE_REFUSED && LOCAL_DROPPED == TROUPE_DROPPED && LOCAL_RELINK == TROUPE_RELINK);
static_assert(LINK_CONFIG_VERSION == TROUPE_CONFIG_VERSION && LINK_RECEIVE_BYTES == TROUPE_RECEIVE_BYTES);
static_assert(LINK_NOT_LINKED == TROUPE_E_NOT_LINKED && LINK_VERSION == wire::kVersion);
static_assert(MESSAGE_BYTES <= TROUPE_MAX_MESSAGE_BYTES && MESSAGE_BYTES >= 4 + MAX_SYMBOLS * sizeof(WireSpec));
static_assert(LOG_CHUNK <= wire::kMaxTicksPerFrame);
static_assert(MESSAGE_BYTES >= 4 + sizeof(WireResult) + ANSWER_DEALS * sizeof(WireDeal));

constexpr int number(wire::FrameType type) { return static_cast<int>(type); }
static_assert(FRAME_HELLO == number(wire::FrameType::kHello) && FRAME_SYMBOLS == number(wire::FrameType::kSymbols));
static_assert(FRAME_TICKS == number(wire::FrameType::kTicks) && FRAME_RESULT == number(wire::FrameType::kResult));
static_assert(FRAME_ORDER == number(wire::FrameType::kOrder) && FRAME_DEAL == number(wire::FrameType::kDeal));
static_assert(FRAME_POSITION == number(wire::FrameType::kPosition));
static_assert(FRAME_ACCOUNT == number(wire::FrameType::kAccount));
static_assert(FRAME_STATUS == number(wire::FrameType::kStatus));
static_assert(FRAME_SNAPSHOT_BEGIN == number(wire::FrameType::kSnapshotBegin));
static_assert(FRAME_SNAPSHOT_ORDERS == number(wire::FrameType::kSnapshotOrders));
static_assert(FRAME_SNAPSHOT_POSITIONS == number(wire::FrameType::kSnapshotPositions));
static_assert(FRAME_SNAPSHOT_DEALS == number(wire::FrameType::kSnapshotDeals));
static_assert(FRAME_SNAPSHOT_END == number(wire::FrameType::kSnapshotEnd));
static_assert(FRAME_HEARTBEAT == number(wire::FrameType::kHeartbeat) && FRAME_PROOF == number(wire::FrameType::kProof));
static_assert(FRAME_WELCOME == number(wire::FrameType::kWelcome) && FRAME_PLACE == number(wire::FrameType::kPlace));
static_assert(FRAME_CANCEL == number(wire::FrameType::kCancel) && FRAME_MODIFY == number(wire::FrameType::kModify));
static_assert(FRAME_PROTECT == number(wire::FrameType::kProtect) && FRAME_FIND == number(wire::FrameType::kFind));
static_assert(FRAME_SNAPSHOT == number(wire::FrameType::kSnapshot) && FRAME_RESUME == number(wire::FrameType::kResume));
static_assert(FRAME_CHALLENGE == number(wire::FrameType::kChallenge));
static_assert(FRAME_REFUSED == number(wire::FrameType::kRefused));

// What is hashed is exactly as long as the arrays that CryptEncode is given.
static_assert(sizeof(g_proof_bytes) == sizeof(ProofInput) && sizeof(g_welcome_bytes) == sizeof(WelcomeInput));
static_assert(sizeof(g_outer_bytes) == sizeof(OuterInput) && sizeof(g_nonce_bytes) == sizeof(NonceInput));

TEST(Layout, ReturnCodesMeanWhatTheBridgeMeansByThem) {
  for (uint32_t code = 10000; code < 10100; ++code) {
    EXPECT_EQ(OutcomeOf(code), static_cast<int>(troupe::bridge::outcomeOf(code, {}))) << code;
  }
}

TEST(Layout, TheChecksumIsTheLinks) {
  const uchar bytes[] = "123456789";
  CrcPrepare();
  uint c = CrcBegin();
  for (int i = 0; i < 9; i++) c = CrcAdd(c, bytes[i]);
  EXPECT_EQ(CrcEnd(c), 0xCBF43926u);
  EXPECT_EQ(CrcEnd(c), wire::crc32(bytes, 9));
}

TEST(Layout, TheSelfTestExpectsTheseSizes) {
  const std::map<std::string, size_t> sizes{
      {"MqlTick", 60},
      {"MqlRates", 60},
      {"MqlBookInfo", 28},
      {"MqlDateTime", sizeof(MqlDateTime)},
      {"WireSpec", sizeof(WireSpec)},
      {"WireTick", sizeof(WireTick)},
      {"WireOrder", sizeof(WireOrder)},
      {"WireDeal", sizeof(WireDeal)},
      {"WirePosition", sizeof(WirePosition)},
      {"WireAccount", sizeof(WireAccount)},
      {"WirePlace", sizeof(WirePlace)},
      {"WireResult", sizeof(WireResult)},
      {"WireHello", sizeof(WireHello)},
      {"LinkConfig", sizeof(LinkConfig)},
  };
  std::ifstream file(std::string(TROUPE_EXPERT) + "/selftest.mqh");
  std::stringstream text;
  text << file.rdbuf();
  const std::string source = text.str();
  // Compare("sizeof(Name)", (long)sizeof(Name), 123);
  const std::string begin = "Compare(\"sizeof(";
  size_t found = 0;
  for (size_t at = source.find(begin); at != std::string::npos; at = source.find(begin, at + 1), ++found) {
    const size_t from = at + begin.size();
    const std::string name = source.substr(from, source.find(')', from) - from);
    const std::string middle = name + ")\", (long)sizeof(" + name + "), ";
    ASSERT_EQ(source.substr(from, middle.size()), middle);
    ASSERT_TRUE(sizes.count(name)) << name;
    EXPECT_EQ(std::stoul(source.substr(from + middle.size())), sizes.at(name)) << name;
  }
  EXPECT_EQ(found, sizes.size());
}

}  // namespace
