// The engine's words as the link's packed structs, and back.
#pragma once

#include "engine/engine.h"
#include "link/messages.h"

namespace troupe::terminal {

link::Spec toLink(const Spec& spec);
link::Order toLink(const Order& order, const Engine& engine);
link::Deal toLink(const Deal& deal, const Engine& engine);
link::Position toLink(const Position& position, const Engine& engine);
link::Account toLink(const Account& account, const Engine& engine, const std::string& login);
link::Result toLink(const Result& result, const Engine& engine, uint64_t command, uint64_t received_us);

PlaceRequest fromLink(const link::Place& place);
ModifyRequest fromLink(const link::Modify& modify);

}  // namespace troupe::terminal
