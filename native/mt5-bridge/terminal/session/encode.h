// The engine's words as the link's packed structs, and back.
#pragma once

#include "engine/engine.h"
#include "link/messages.h"

namespace troupe::terminal {

link::Spec to_link(const Spec& spec);
link::Order to_link(const Order& order, const Engine& engine);
link::Deal to_link(const Deal& deal, const Engine& engine);
link::Position to_link(const Position& position, const Engine& engine);
link::Account to_link(const Account& account, const Engine& engine, const std::string& login);
link::Result to_link(const Result& result, const Engine& engine, uint64_t command, uint64_t received_us);

PlaceRequest from_link(const link::Place& place);
ModifyRequest from_link(const link::Modify& modify);

}  // namespace troupe::terminal
