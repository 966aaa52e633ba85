#include "bridge/account_options.h"

#include <filesystem>
#include <map>

#include "link/text.h"

namespace troupe::bridge {

namespace {

using Fault = std::function<void(const std::string&)>;

void checkOne(const AccountOptions& own, bool several, const Fault& fault) {
  const auto at = [&](const char* option) {
    return option + (several ? " of account " + own.account : std::string()) + ": ";
  };
  const auto name = [&](const char* option, const std::string& value) {
    if (value.empty()) fault(at(option) + "missing");
    if (value.size() > 64 || !link::isUtf8(value)) fault(at(option) + "not UTF-8 of at most 64 bytes");
  };
  name("--account", own.account);
  name("--source", own.source);
  if (own.journal.empty()) fault(at("--journal") + "missing");
  if (several && own.login.empty())
    fault(at("--login") + "missing; of several accounts each needs its own, UTF-8 of 1..31 bytes");
}

}  // namespace

void checkAccounts(const std::vector<AccountOptions>& accounts, const Fault& fault) {
  const bool several = accounts.size() > 1;
  if (accounts.size() > Options::kMostAccounts)
    fault("--account: " + std::to_string(accounts.size()) + " accounts, not 1.." +
          std::to_string(Options::kMostAccounts));
  std::map<std::string, std::string> names, logins, sources, files;
  // Whoever comes second with the same is the fault.
  const auto own = [&](std::map<std::string, std::string>& taken, const std::string& value, const std::string& account,
                       const char* option, const char* why) {
    if (value.empty()) return;
    const auto [first, fresh] = taken.try_emplace(value, account);
    if (!fresh)
      fault(std::string(option) + ": accounts " + first->second + " and " + account + " both have " + value + why);
  };
  for (const AccountOptions& account : accounts) {
    checkOne(account, several, fault);
    own(names, account.account, account.account, "--account", "; each needs a name of its own");
    own(logins, account.login, account.account, "--login", "; a terminal is sent to its account by it");
    own(sources, account.source, account.account, "--source", "; their ticks would have the same subjects");
    const auto file = [&](const char* option, const std::string& path) {
      if (path.empty()) return;
      own(files, std::filesystem::absolute(path).lexically_normal().string(), account.account, option,
          "; each needs files of its own");
    };
    file("--journal", account.journal);
    if (account.spill_mb > 0 && !account.journal.empty()) file("--spill", account.spillFile());
  }
}

}  // namespace troupe::bridge
