#include "bridge/tick_store.h"

#include <memory>

#include "bridge/subjects.h"
#include "troupe/market/v1/market.pb.h"

namespace troupe::bridge {

namespace {

template <typename T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* it) const { destroy(it); }
};
using ConnectionPtr = std::unique_ptr<natsConnection, Destroy<natsConnection, natsConnection_Destroy>>;
using ContextPtr = std::unique_ptr<jsCtx, Destroy<jsCtx, jsCtx_Destroy>>;
using MessagePtr = std::unique_ptr<natsMsg, Destroy<natsMsg, natsMsg_Destroy>>;

}  // namespace

bool TickStore::kept(const std::string& feed, const std::vector<std::string>& subjects, std::vector<uint64_t>& out,
                     std::string& error) const {
  const auto failed = [&](natsStatus status) {
    error = natsStatus_GetText(status);
    return false;
  };
  out.assign(subjects.size(), 0);
  NatsOptionsPtr options = makeNatsOptions(settings_, "bridge-store");
  if (!options) return failed(NATS_INVALID_ARG);
  natsOptions_SetAllowReconnect(options.get(), false);
  natsConnection* raw_connection = nullptr;
  if (const natsStatus s = natsConnection_Connect(&raw_connection, options.get()); s != NATS_OK) return failed(s);
  const ConnectionPtr connection(raw_connection);
  jsOptions js_options;
  jsOptions_Init(&js_options);
  js_options.Wait = 2000;
  jsCtx* raw_context = nullptr;
  if (const natsStatus s = natsConnection_JetStream(&raw_context, raw_connection, &js_options); s != NATS_OK)
    return failed(s);
  const ContextPtr context(raw_context);
  jsStreamInfo* raw_info = nullptr;
  if (const natsStatus s = js_GetStreamInfo(&raw_info, raw_context, kTickStream, nullptr, nullptr); s != NATS_OK)
    return failed(s);
  const uint64_t messages = raw_info->State.Msgs;
  jsStreamInfo_Destroy(raw_info);
  // As at the start of every replay: nobody needs to be asked about thousands of symbols one by one.
  if (messages == 0) return true;
  for (size_t i = 0; i < subjects.size(); ++i) {
    natsMsg* raw = nullptr;
    jsErrCode code = static_cast<jsErrCode>(0);
    const natsStatus status = js_GetLastMsg(&raw, context.get(), kTickStream, subjects[i].c_str(), nullptr, &code);
    if (code == JSNoMessageFoundErr) continue;
    if (status != NATS_OK) {
      error = subjects[i] + ": " + natsStatus_GetText(status);
      return false;
    }
    const MessagePtr message(raw);
    market::v1::TickFrame frame;
    if (!frame.ParseFromArray(natsMsg_GetData(raw), natsMsg_GetDataLength(raw))) {
      error = subjects[i] + ": its last message is no frame of ticks";
      return false;
    }
    if (frame.session() != feed) continue;
    out[i] = static_cast<uint64_t>(frame.first_sequence()) - 1 + static_cast<uint64_t>(frame.bid_size());
  }
  return true;
}

}  // namespace troupe::bridge
