#include "bridge/options.h"

#include <charconv>
#include <string_view>

#include "link/connection.h"
#include "link/text.h"

namespace troupe::bridge {

const char* const kUsage =
    "bridge --listen HOST:PORT --account NAME --source NAME --journal FILE [options]\n"
    "  --listen      where the terminal connects, an IPv4 address and port; port 0 takes a free one\n"
    "  --account     trading account: commands come on bridge.NAME.command\n"
    "  --source      name of this market data source: ticks go to md.<p>.ticks.NAME.<symbol>\n"
    "  --journal     file that remembers orders across restarts; one bridge each\n"
    "  --partitions  1..4096, the company's market.partitions; default 12\n"
    "  --window      1..4096, tick messages that may wait for an acknowledgement of JetStream; default 256\n"
    "  --spill       file that takes ticks while NATS is away; default: the journal's name with .spill behind it\n"
    "  --spill-mb    0..4096, the most that file may hold; 0: none, the terminal waits at once; default 256\n"
    "  --not-found-after-ms  0..600000, age of an order before its absence at the terminal is believed; default 0,\n"
    "                for a terminal that answers from one history, as the simulated one does\n"
    "  --key-file    the key that terminals must prove, 64 hex digits, in a file of mode 0600; else TROUPE_BRIDGE_KEY\n"
    "  --link-tls-cert, --link-tls-key  the link is TLS, with this certificate (and what has signed it) and this key, "
    "PEM\n"
    "  --plain-link  loopback or anywhere: where the link may be without TLS; default loopback, and then --listen "
    "must\n"
    "                be 127.x.x.x or localhost\n"
    "  --login       only a terminal with this login is taken\n"
    "  --margin-mode netting, hedging or exchange: only a terminal whose account has it is taken\n"
    "  --daylight    fixed, us or eu: when the broker's clock goes to summer time; default fixed, one offset all year\n"
    "  --metrics-port  where 127.0.0.1 serves /metrics and /health: 1..65535, 0 for a free one, or off; default off\n"
    "environment: TROUPE_NATS_URL, TROUPE_NATS_USER, TROUPE_NATS_PASSWORD, TROUPE_BRIDGE_KEY\n";

namespace {

bool number(std::string_view text, uint32_t least, uint32_t most, uint32_t& out) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && out >= least && out <= most;
}

}  // namespace

std::string parseOptions(int argc, const char* const* argv, Options& options) {
  std::string faults;
  const auto fault = [&](const std::string& text) { faults += (faults.empty() ? "" : "; ") + text; };
  bool listen = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      options.help = true;
      return {};
    }
    const bool known = name == "--listen" || name == "--account" || name == "--source" || name == "--journal" ||
                       name == "--partitions" || name == "--window" || name == "--spill" || name == "--spill-mb" ||
                       name == "--not-found-after-ms" || name == "--key-file" || name == "--login" ||
                       name == "--margin-mode" || name == "--link-tls-cert" || name == "--link-tls-key" ||
                       name == "--plain-link" || name == "--daylight" || name == "--metrics-port";
    if (!known) {
      fault("unknown option " + std::string(name));
      continue;
    }
    if (i + 1 >= argc) {
      fault(std::string(name) + ": no value");
      break;
    }
    const std::string value = argv[++i];
    if (name == "--listen") {
      listen = true;
      if (!link::parseEndpoint(value, options.host, options.port)) fault("--listen: not HOST:PORT: " + value);
    } else if (name == "--account") {
      options.account = value;
    } else if (name == "--source") {
      options.source = value;
    } else if (name == "--journal") {
      options.journal = value;
    } else if (name == "--spill") {
      options.spill = value;
    } else if (name == "--spill-mb") {
      if (!number(value, 0, 4096, options.spill_mb)) fault("--spill-mb: not in 0..4096: " + value);
    } else if (name == "--key-file") {
      options.key_file = value;
      if (value.empty()) fault("--key-file: no file named");
    } else if (name == "--link-tls-cert" || name == "--link-tls-key") {
      (name == "--link-tls-cert" ? options.tls_cert : options.tls_key) = value;
      if (value.empty()) fault(std::string(name) + ": no file named");
    } else if (name == "--plain-link") {
      options.plain_anywhere = value == "anywhere";
      if (value != "loopback" && value != "anywhere") fault("--plain-link: not loopback or anywhere: " + value);
    } else if (name == "--login") {
      options.login = value;
      if (value.empty() || value.size() > 31 || !link::isUtf8(value)) fault("--login: not UTF-8 of 1..31 bytes");
    } else if (name == "--margin-mode") {
      options.margin_mode = value;
      if (value != "netting" && value != "hedging" && value != "exchange")
        fault("--margin-mode: not netting, hedging or exchange: " + value);
    } else if (name == "--daylight") {
      if (!parseDaylightRule(value, options.daylight)) fault("--daylight: not fixed, us or eu: " + value);
    } else if (name == "--metrics-port") {
      options.metrics = value != "off";
      if (options.metrics && !number(value, 0, 65'535, options.metrics_port))
        fault("--metrics-port: not in 0..65535 and not off: " + value);
    } else if (name == "--partitions") {
      if (!number(value, 1, 4096, options.partitions)) fault("--partitions: not in 1..4096: " + value);
    } else if (name == "--not-found-after-ms") {
      if (!number(value, 0, 600'000, options.not_found_after_ms))
        fault("--not-found-after-ms: not in 0..600000: " + value);
    } else if (!number(value, 1, 4096, options.window)) {
      fault("--window: not in 1..4096: " + value);
    }
  }
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
  const auto name = [&](const char* option, const std::string& value) {
    if (value.empty()) fault(std::string(option) + ": missing");
    if (value.size() > 64 || !link::isUtf8(value)) fault(std::string(option) + ": not UTF-8 of at most 64 bytes");
  };
  name("--account", options.account);
  name("--source", options.source);
  if (options.journal.empty()) fault("--journal: missing");
  return faults;
}

}  // namespace troupe::bridge
