// What the daemon adds to an order: from the request leaving here until the terminal has it in its hands, beside a bare
// NATS round trip of the same connection. Needs a bridge with link_feed as its terminal, and a new journal.
//
//   command_ping --account A [--orders 2000] [--pause_us 1000]; TROUPE_NATS_URL
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bridge/clock.h"
#include "bridge/nats_options.h"
#include "bridge/subjects.h"
#include "troupe/bridge/v1/bridge.pb.h"

using namespace troupe;

namespace {

void print(const char* name, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  const auto at = [&](double q) { return us[std::min(us.size() - 1, static_cast<size_t>(q * us.size()))]; };
  std::printf("\"%s\":{\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}", name, at(0.5), at(0.99), us.back());
}

}  // namespace

int main(int argc, char** argv) {
  std::string account;
  long orders = 2000, pause_us = 1000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--account") == 0) account = argv[i + 1];
    if (std::strcmp(argv[i], "--orders") == 0) orders = std::atol(argv[i + 1]);
    if (std::strcmp(argv[i], "--pause_us") == 0) pause_us = std::atol(argv[i + 1]);
  }
  bridge::NatsSettings settings;
  std::string error;
  if (account.empty() || orders < 1 || !bridge::NatsSettings::fromEnvironment(settings, error)) {
    std::fprintf(stderr, "command_ping --account A [--orders N] [--pause_us N]; %s\n", error.c_str());
    return 2;
  }
  const auto options = bridge::makeNatsOptions(settings, "command-ping");
  natsConnection* nats = nullptr;
  if (!options || natsConnection_Connect(&nats, options.get()) != NATS_OK) return 1;
  bridge::Clock clock;
  std::vector<double> there, round, bare;
  const std::string subject = bridge::commandSubject(account);
  const std::string run = std::to_string(clock.wallUs() % 1'000'000'000);
  natsSubscription* echo = nullptr;
  natsConnection* other = nullptr;
  if (natsConnection_Connect(&other, options.get()) != NATS_OK) return 1;
  natsConnection_Subscribe(
      &echo, other, "_INBOX.bridge.echo",
      [](natsConnection* nc, natsSubscription*, natsMsg* m, void*) {
        natsConnection_PublishString(nc, natsMsg_GetReply(m), "");
        natsMsg_Destroy(m);
      },
      nullptr);
  natsConnection_Flush(other);
  for (long n = 0; n < orders; ++n) {
    bridge::v1::Command command;
    command.set_command_id(std::to_string(n));
    command.set_fence(1);
    auto& place = *command.mutable_place();
    place.set_order_id(run + "-" + std::to_string(n));
    place.set_symbol("FEED0");
    place.set_side(trading::v1::SIDE_BUY);
    place.set_type(trading::v1::ORDER_TYPE_MARKET);
    place.set_volume_lots(0.1);
    const std::string bytes = command.SerializeAsString();
    natsMsg* answer = nullptr;
    const int64_t from = clock.wallUs();
    if (natsConnection_Request(&answer, nats, subject.c_str(), bytes.data(), static_cast<int>(bytes.size()), 6000) !=
        NATS_OK)
      return 1;
    const int64_t to = clock.wallUs();
    bridge::v1::CommandReply reply;
    if (!reply.ParseFromArray(natsMsg_GetData(answer), natsMsg_GetDataLength(answer)) ||
        reply.outcome() != bridge::v1::OUTCOME_DONE || reply.replayed()) {
      std::fprintf(stderr, "order %ld: %s\n", n, reply.ShortDebugString().c_str());
      return 1;
    }
    natsMsg_Destroy(answer);
    there.push_back(reply.received_us() - static_cast<double>(from));
    round.push_back(static_cast<double>(to - from));
    const int64_t bare_from = clock.wallUs();
    if (natsConnection_RequestString(&answer, nats, "_INBOX.bridge.echo", "", 2000) != NATS_OK) return 1;
    bare.push_back(static_cast<double>(clock.wallUs() - bare_from));
    natsMsg_Destroy(answer);
    ::usleep(static_cast<useconds_t>(pause_us));
  }
  std::printf("{\"orders\":%ld,", orders);
  print("to_terminal", there);
  std::printf(",");
  print("round_trip", round);
  std::printf(",");
  print("bare_nats_round_trip", bare);
  std::printf("}\n");
  natsSubscription_Destroy(echo);
  natsConnection_Destroy(other);
  natsConnection_Destroy(nats);
  return 0;
}
