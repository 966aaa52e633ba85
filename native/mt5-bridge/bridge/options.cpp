#include "bridge/options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <string_view>

#include "bridge/account_options.h"
#include "link/connection.h"
#include "link/text.h"

namespace troupe::bridge {

const char* const kUsage =
    "bridge --listen HOST:PORT --account NAME --source NAME --journal FILE [options]\n"
    "  --listen      where terminals connect, an IPv4 address and port; port 0 takes a free one\n"
    "  --partitions  1..4096, the company's market.partitions; default 12\n"
    "  --key-file    the key that terminals must prove, 64 hex digits, in a file of mode 0600; else TROUPE_BRIDGE_KEY\n"
    "  --link-tls-cert, --link-tls-key  the link is TLS, with this certificate (and what has signed it) and this key, "
    "PEM\n"
    "  --plain-link  loopback or anywhere: where the link may be without TLS; default loopback, and then --listen "
    "must\n"
    "                be 127.x.x.x or localhost\n"
    "  --metrics-port  where 127.0.0.1 serves /metrics and /health: 1..65535, 0 for a free one, or off; default off\n"
    "of an account:\n"
    "  --account     trading account: commands come on bridge.NAME.command\n"
    "  --source      name of its market data source: ticks go to md.<p>.ticks.NAME.<symbol>\n"
    "  --journal     file that remembers orders across restarts; one account each\n"
    "  --login       only a terminal with this login is taken\n"
    "  --margin-mode netting, hedging or exchange: only a terminal whose account has it is taken\n"
    "  --not-found-after-ms  0..600000, age of an order before its absence at the terminal is believed; default 0,\n"
    "                for a terminal that answers from one history, as the simulated one does\n"
    "  --daylight    fixed, us or eu: when the broker's clock goes to summer time; default fixed, one offset all year\n"
    "  --window      1..4096, tick messages that may wait for an acknowledgement of JetStream; default 256\n"
    "  --spill       file that takes ticks while NATS is away; default: the journal's name with .spill behind it\n"
    "  --spill-mb    0..4096, the most that file may hold; 0: none, the terminal waits at once; default 256\n"
    "several accounts (1..64): --account again for each; options of an account behind it are its own, those before "
    "the\n"
    "first --account are everybody's. Each needs a --login, --source and --journal of its own.\n"
    "environment: TROUPE_NATS_URL, TROUPE_NATS_USER, TROUPE_NATS_PASSWORD, TROUPE_BRIDGE_KEY\n";

namespace {

bool number(std::string_view text, uint32_t least, uint32_t most, uint32_t& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && out >= least && out <= most;
}

using Fault = std::function<void(const std::string&)>;

// False: no option of an account.
bool ofAccount(std::string_view name, const std::string& value, AccountOptions& own, const Fault& fault) {
  const auto whole = [&](uint32_t least, uint32_t most, uint32_t& out) {
    if (!number(value, least, most, out))
      fault(std::string(name) + ": not in " + std::to_string(least) + ".." + std::to_string(most) + ": " + value);
  };
  if (name == "--source") {
    own.source = value;
  } else if (name == "--journal") {
    own.journal = value;
  } else if (name == "--spill") {
    own.spill = value;
  } else if (name == "--spill-mb") {
    whole(0, 4096, own.spill_mb);
  } else if (name == "--window") {
    whole(1, 4096, own.window);
  } else if (name == "--not-found-after-ms") {
    whole(0, 600'000, own.not_found_after_ms);
  } else if (name == "--login") {
    own.login = value;
    if (value.empty() || value.size() > 31 || !link::isUtf8(value)) fault("--login: not UTF-8 of 1..31 bytes");
  } else if (name == "--margin-mode") {
    own.margin_mode = value;
    if (value != "netting" && value != "hedging" && value != "exchange")
      fault("--margin-mode: not netting, hedging or exchange: " + value);
  } else if (name == "--daylight") {
    if (!parseDaylightRule(value, own.daylight)) fault("--daylight: not fixed, us or eu: " + value);
  } else {
    return false;
  }
  return true;
}

// False: no option of the whole daemon.
bool ofDaemon(std::string_view name, const std::string& value, Options& options, const Fault& fault) {
  if (name == "--listen") {
    if (!link::parseEndpoint(value, options.host, options.port)) fault("--listen: not HOST:PORT: " + value);
  } else if (name == "--key-file") {
    options.key_file = value;
    if (value.empty()) fault("--key-file: no file named");
  } else if (name == "--link-tls-cert" || name == "--link-tls-key") {
    (name == "--link-tls-cert" ? options.tls_cert : options.tls_key) = value;
    if (value.empty()) fault(std::string(name) + ": no file named");
  } else if (name == "--plain-link") {
    options.plain_anywhere = value == "anywhere";
    if (value != "loopback" && value != "anywhere") fault("--plain-link: not loopback or anywhere: " + value);
  } else if (name == "--metrics-port") {
    options.metrics = value != "off";
    if (options.metrics && !number(value, 0, 65'535, options.metrics_port))
      fault("--metrics-port: not in 0..65535 and not off: " + value);
  } else if (name == "--partitions") {
    if (!number(value, 1, 4096, options.partitions)) fault("--partitions: not in 1..4096: " + value);
  } else {
    return false;
  }
  return true;
}

constexpr std::string_view kNames[] = {"--listen",       "--partitions",
                                       "--key-file",     "--link-tls-cert",
                                       "--link-tls-key", "--plain-link",
                                       "--metrics-port", "--account",
                                       "--source",       "--journal",
                                       "--login",        "--margin-mode",
                                       "--daylight",     "--not-found-after-ms",
                                       "--window",       "--spill",
                                       "--spill-mb"};

}  // namespace

std::string parseOptions(int argc, const char* const* argv, Options& options) {
  std::string faults;
  const Fault fault = [&](const std::string& text) { faults += (faults.empty() ? "" : "; ") + text; };
  bool listen = false;
  AccountOptions common;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      options.help = true;
      return {};
    }
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
      fault("unknown option " + std::string(name));
      continue;
    }
    if (i + 1 >= argc) {
      fault(std::string(name) + ": no value");
      break;
    }
    const std::string value = argv[++i];
    listen = listen || name == "--listen";
    if (name == "--account") {
      options.accounts.push_back(common);
      options.accounts.back().account = value;
    } else if (!ofDaemon(name, value, options, fault)) {
      ofAccount(name, value, options.accounts.empty() ? common : options.accounts.back(), fault);
    }
  }
  if (options.accounts.empty()) options.accounts.push_back(common);
  if (!listen) fault("--listen: missing");
  if (options.tls_cert.empty() != options.tls_key.empty())
    fault(options.tls_cert.empty() ? "--link-tls-cert: missing beside --link-tls-key"
                                   : "--link-tls-key: missing beside --link-tls-cert");
  // Orders in the clear, and whoever stands between may change them.
  const bool loopback = options.host == "localhost" || options.host.starts_with("127.");
  if (!options.host.empty() && !loopback && options.tls_cert.empty() && options.tls_key.empty() &&
      !options.plain_anywhere)
    fault("--listen: " + options.host +
          " is not this machine alone: give --link-tls-cert and --link-tls-key, or say --plain-link anywhere");
  checkAccounts(options.accounts, fault);
  return faults;
}

}  // namespace troupe::bridge
