// What must be true of the accounts of one command line, beside each other.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bridge/options.h"

namespace troupe::bridge {

// Tells every fault: what an account lacks, and what two of them must not share.
void checkAccounts(const std::vector<AccountOptions>& accounts, const std::function<void(const std::string&)>& fault);

}  // namespace troupe::bridge
