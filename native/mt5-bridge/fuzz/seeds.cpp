// Writes what the fuzzers begin with: seeds FOLDER makes FOLDER/<target>/<name>, small inputs of the right shape.
#include <filesystem>
#include <fstream>

#include "bridge/journal_image.h"
#include "fuzz/input.h"
#include "link/handshake.h"
#include "link/text.h"

using namespace troupe;
using link::FrameType;

namespace {

std::filesystem::path g_folder;

void write(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(g_folder / target);
  std::ofstream(g_folder / target / name, std::ios::binary) << bytes;
}

template <typename T>
std::string bytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string piece(const std::string& bytes) { return bytesOf(static_cast<uint16_t>(bytes.size())) + bytes; }
std::string framed(FrameType type, const std::string& payload) {
  return std::string(1, static_cast<char>(type)) + piece(payload);
}

template <typename T>
T named() {
  T out{};
  if constexpr (requires { out.order_id; }) link::setTextCut(out.order_id, "o-1");
  if constexpr (requires { out.symbol; }) link::setTextCut(out.symbol, "EURUSD");
  if constexpr (requires { out.time_ms; }) out.time_ms = 1'700'000'000'000;
  return out;
}

link::Hello hello() {
  link::Hello out{};
  out.version_low = out.version_high = link::kVersion;
  link::setTextCut(out.session, "session");
  link::setTextCut(out.feed, "feed");
  link::setTextCut(out.login, "7");
  link::setTextCut(out.terminal, "terminal");
  link::setTextCut(out.margin_mode, "hedging");
  out.utc_offset_s = 7200;
  return out;
}

void frames() {
  link::Spec spec{};
  link::setTextCut(spec.name, "EURUSD");
  link::Result result{};
  result.outcome = 1;
  result.has_order = 1;
  result.deals = 1;
  result.order = named<link::Order>();
  const link::EventHeader head{1, 1'700'000'000'000};
  const link::SnapshotPart part{1, 1, 0};
  const std::pair<FrameType, std::string> terminal[] = {
      {FrameType::kHello, bytesOf(hello())},
      {FrameType::kProof, bytesOf(link::Proof{})},
      {FrameType::kSymbols, bytesOf(spec)},
      {FrameType::kTicks, bytesOf(link::TickBatchHeader{1, 0, 1}) + bytesOf(link::Tick{1, 1.1, 1.2, 0, 6})},
      {FrameType::kResult, bytesOf(result) + bytesOf(named<link::Deal>())},
      {FrameType::kOrder, bytesOf(head) + bytesOf(named<link::Order>())},
      {FrameType::kDeal, bytesOf(head) + bytesOf(named<link::Deal>())},
      {FrameType::kPosition, bytesOf(head) + bytesOf(named<link::Position>())},
      {FrameType::kAccount, bytesOf(head) + bytesOf(named<link::Account>())},
      {FrameType::kSnapshotBegin, bytesOf(link::SnapshotBegin{})},
      {FrameType::kSnapshotOrders, bytesOf(part) + bytesOf(named<link::Order>())},
      {FrameType::kSnapshotPositions, bytesOf(part) + bytesOf(named<link::Position>())},
      {FrameType::kSnapshotDeals, bytesOf(part) + bytesOf(named<link::Deal>())},
      {FrameType::kSnapshotEnd, bytesOf(link::SnapshotBegin{})},
      {FrameType::kStatus, bytesOf(link::TerminalStatus{})},
      {FrameType::kTapeEnd, bytesOf(link::TapeEnd{1})},
      {FrameType::kHeartbeat, bytesOf(link::Heartbeat{1})}};
  const std::pair<FrameType, std::string> bridge[] = {
      {FrameType::kChallenge, bytesOf(link::Challenge{})},  {FrameType::kWelcome, bytesOf(link::Welcome{})},
      {FrameType::kPlace, bytesOf(named<link::Place>())},   {FrameType::kCancel, bytesOf(named<link::Cancel>())},
      {FrameType::kModify, bytesOf(named<link::Modify>())}, {FrameType::kProtect, bytesOf(named<link::Protect>())},
      {FrameType::kFind, bytesOf(named<link::Find>())},     {FrameType::kSnapshot, bytesOf(link::TakeSnapshot{})},
      {FrameType::kResume, bytesOf(uint64_t{1})},           {FrameType::kRefused, bytesOf(link::Refused{})}};
  std::string all(1, '\0'), wire(1, '\2');
  uint64_t sequence = 0;
  for (const auto& [type, payload] : terminal) {
    write("frames", "terminal-" + std::to_string(static_cast<int>(type)), std::string(1, '\0') + framed(type, payload));
    all += framed(type, payload);
    fuzz::addFrame(wire, type, payload, ++sequence);
  }
  for (const auto& [type, payload] : bridge)
    write("frames", "bridge-" + std::to_string(static_cast<int>(type)), std::string(1, '\1') + framed(type, payload));
  write("frames", "terminal-all", all);
  write("frames", "terminal-wire", wire);
}

// The records' bodies, as pieces; and the file itself.
void journal() {
  const std::string records[] = {bridge::fenceRecord(3), bridge::receivedRecord("o-1", "c-1", 4, 1'700'000'000'000'000),
                                 bridge::resultRecord("o-1", "reply"), bridge::receivedRecord("o-2", "c-2", 5, 1),
                                 bridge::settledRecord("o-3")};
  std::string bodies, file(bridge::kJournalMagic);
  for (const std::string& record : records) {
    bodies += piece(record.substr(8));
    file += record;
  }
  for (const char mode : {0, 2, 4, 6, 12})
    write("journal", "bodies-" + std::to_string(mode), std::string(1, mode) + bodies);
  write("journal", "file", "\1" + file);
  write("journal", "file-torn", "\1" + file.substr(0, file.size() - 3));
  write("journal", "file-reserved", "\1" + file + std::string(40, '\0'));
}

void handshake() {
  link::Hello wrong = hello();
  link::setTextCut(wrong.margin_mode, "netting");
  const std::string proof = framed(FrameType::kProof, bytesOf(link::Proof{}));
  write("handshake", "stranger", std::string(1, '\0') + framed(FrameType::kHello, bytesOf(hello())) + proof);
  write("handshake", "knows", std::string(1, '\2') + framed(FrameType::kHello, bytesOf(hello())) + proof);
  write("handshake", "wrong-mode", std::string(1, '\2') + framed(FrameType::kHello, bytesOf(wrong)) + proof);
  const std::string challenge = framed(FrameType::kChallenge, bytesOf(link::Challenge{}));
  write("handshake", "challenge", std::string(1, '\3') + challenge);
  write("handshake", "welcome",
        std::string(1, '\1') + challenge + framed(FrameType::kWelcome, bytesOf(link::Welcome{})));
  write("handshake", "refused",
        std::string(1, '\1') + framed(FrameType::kRefused, bytesOf(link::refusedFor(link::LinkError::kBadProof, ""))));
}

void ticks() {
  std::string batch;
  for (int i = 0; i < 40; ++i)
    batch += bytesOf(link::Tick{1'700'000'000'000 + i, 1.1, 1.2, static_cast<uint32_t>(i % 3), 6});
  const std::string room(1, static_cast<char>(4 * 3)), time = std::string(1, '\1') + bytesOf(uint16_t{5000});
  write("ticks", "flow", std::string(1, '\0') + room + '\2' + piece(batch) + time + room + '\2' + piece(batch) + time);
  write("ticks", "held", std::string(1, '\1') + '\2' + piece(batch) + '\2' + piece(batch) + time + room);
  const std::string one = bytesOf(link::TickBatchHeader{1, 0, 1}) + bytesOf(link::Tick{1, 1, 2, 1, 2});
  write("ticks", "wire", std::string(1, '\0') + room + '\3' + piece(one));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "seeds FOLDER\n");
    return 2;
  }
  g_folder = argv[1];
  frames();
  journal();
  handshake();
  ticks();
  return 0;
}
