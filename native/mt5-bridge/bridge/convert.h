// From the link's packed structs to protobuf and back. Broker's wall clock becomes UTC here and nowhere else.
#pragma once

#include <string>

#include "bridge/broker_time.h"
#include "link/messages.h"
#include "troupe/bridge/v1/bridge.pb.h"

namespace troupe::bridge {

// Broker's wall clock to UTC; 0 stays 0 (no time).
double utcMs(int64_t broker_ms, const BrokerTime& time);
int64_t brokerMs(double utc_ms, const BrokerTime& time);

void toProto(const link::Order& from, const BrokerTime& time, v1::OrderRecord& to);
void toProto(const link::Deal& from, const BrokerTime& time, v1::Deal& to);
void toProto(const link::Position& from, const BrokerTime& time, v1::Position& to);
void toProto(const link::Account& from, const BrokerTime& time, v1::AccountState& to);
void toProto(const link::Spec& from, v1::SymbolSpec& to);

// Empty when the command fits the link, otherwise the field and what is wrong with it. `command` stays 0.
std::string toLink(const v1::PlaceOrder& from, const BrokerTime& time, link::Place& to);
std::string toLink(const v1::CancelOrder& from, link::Cancel& to);
std::string toLink(const v1::ModifyOrder& from, link::Modify& to);
std::string toLink(const v1::ProtectPosition& from, link::Protect& to);
std::string toLink(const v1::FindOrder& from, link::Find& to);

}  // namespace troupe::bridge
