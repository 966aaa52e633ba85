// A command desk, its journal, and a terminal at the other end of a real socket; no NATS.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "bridge/command_desk.h"
#include "link/text.h"

namespace troupe::bridge::testing_support {

struct TestClock : Clock {
  int64_t now = 1'000'000;
  int64_t steadyUs() const override { return now; }
  int64_t wallUs() const override { return now; }
};

struct Answer {
  std::string to;
  v1::CommandReply reply;
};

struct DeskTest : testing::Test {
  std::string path = testing::TempDir() + "desk-" + std::to_string(::getpid()) + "-" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
  TestClock clock;
  std::unique_ptr<Journal> journal;
  std::vector<Answer> answers;
  std::unique_ptr<CommandDesk> desk;
  std::shared_ptr<link::Connection> bridge_end;
  std::unique_ptr<link::Connection> terminal;

  void SetUp() override {
    std::filesystem::remove(path);
    restart();
  }
  void TearDown() override {
    desk.reset();
    journal.reset();
    std::filesystem::remove(path);
  }

  // A new bridge on the same journal.
  void restart(int64_t not_found_after_us = 0) {
    desk.reset();
    journal.reset();
    journal = std::make_unique<Journal>();
    std::string error;
    ASSERT_TRUE(journal->open(path, error)) << error;
    desk = std::make_unique<CommandDesk>(
        *journal, clock,
        [this](const std::string& to, const v1::CommandReply& reply) {
          answers.push_back({to, reply});
        },
        not_found_after_us);
  }
  void linkUp(int32_t offset = 3600) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    bridge_end = std::make_shared<link::Connection>(fds[0], link::Peer::kTerminal);
    terminal = std::make_unique<link::Connection>(fds[1], link::Peer::kBridge);
    link::Spec spec{};
    link::setTextCut(spec.name, "EURUSD");
    desk->attach({bridge_end, "s1", offset, {spec}});
  }
  void command(const v1::Command& c, const std::string& to = "r", bool more = false) {
    const std::string bytes = c.SerializeAsString();
    desk->handle(bytes.data(), bytes.size(), to, more);
  }
  v1::Command place(const std::string& id, double fence = 1) {
    v1::Command c;
    c.set_command_id("cmd-" + id);
    c.set_fence(fence);
    auto& p = *c.mutable_place();
    p.set_order_id(id);
    p.set_symbol("EURUSD");
    p.set_side(trading::v1::SIDE_BUY);
    p.set_type(trading::v1::ORDER_TYPE_MARKET);
    p.set_volume_lots(0.1);
    p.set_magic(7);
    p.set_expiration_ms(5'000'000);
    return c;
  }
  // The next frame at the terminal's end, of the given type.
  template <typename T>
  std::optional<T> at(link::FrameType type) {
    link::FrameView frame;
    if (terminal->next(frame) != link::Next::kFrame) {
      terminal->wait(0);
      if (terminal->next(frame) != link::Next::kFrame) return std::nullopt;
    }
    EXPECT_EQ(frame.type, type);
    T out{};
    return readOne(frame, out) ? std::optional<T>(out) : std::nullopt;
  }
  template <typename... Parts>
  link::LinkError fromTerminal(link::FrameType type, const Parts&... parts) {
    EXPECT_EQ(terminal->send(type, parts...), link::LinkError::kNone);
    EXPECT_EQ(bridge_end->wait(1000), link::LinkError::kNone);
    link::FrameView frame;
    EXPECT_EQ(bridge_end->next(frame), link::Next::kFrame);
    return desk->onFrame(frame);
  }
  link::LinkError result(uint64_t number, v1::Outcome outcome, uint32_t retcode = 10009) {
    link::Result r{};
    r.command = number;
    r.outcome = static_cast<uint8_t>(outcome);
    r.retcode = retcode;
    r.received_us = 42;
    return fromTerminal(link::FrameType::kResult, r);
  }
  const v1::CommandReply& last() { return answers.back().reply; }
};

}  // namespace troupe::bridge::testing_support
