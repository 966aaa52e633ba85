// The account and who may trade on it. Asked from the terminal every time, never assumed.
#ifndef TROUPE_ACCOUNT_MQH
#define TROUPE_ACCOUNT_MQH

#include "clock.mqh"
#include "retcodes.mqh"
#include "text.mqh"

// Why an order cannot be sent now; retcode 0: it can.
struct Verdict {
  uint retcode;
  string message;
};

void Deny(Verdict &verdict, uint retcode, string message) {
  verdict.retcode = retcode;
  verdict.message = message;
}

bool IsHedging() {
  return (ENUM_ACCOUNT_MARGIN_MODE)AccountInfoInteger(ACCOUNT_MARGIN_MODE) == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
}

string MarginModeName() {
  switch ((ENUM_ACCOUNT_MARGIN_MODE)AccountInfoInteger(ACCOUNT_MARGIN_MODE)) {
    case ACCOUNT_MARGIN_MODE_RETAIL_HEDGING:
      return "hedging";
    case ACCOUNT_MARGIN_MODE_EXCHANGE:
      return "exchange";
    default:
      return "netting";
  }
}

string LoginText() { return IntegerToString(AccountInfoInteger(ACCOUNT_LOGIN)); }

bool IsConnected() { return TerminalInfoInteger(TERMINAL_CONNECTED) != 0; }

// Of terminal, program, account and server, in the order in which a person would look.
void CheckPermissions(Verdict &verdict) {
  Deny(verdict, 0, "");
  if (!IsConnected()) {
    Deny(verdict, RETCODE_CONNECTION, "the terminal has no connection to the trade server");
  } else if (TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) == 0) {
    Deny(verdict, RETCODE_CLIENT_DISABLES_AT, "Algo Trading is switched off in the terminal");
  } else if (MQLInfoInteger(MQL_TRADE_ALLOWED) == 0) {
    Deny(verdict, RETCODE_CLIENT_DISABLES_AT, "the expert's own settings forbid algo trading");
  } else if (AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) == 0) {
    Deny(verdict, RETCODE_TRADE_DISABLED, "the account may not trade (investor login, or disabled)");
  } else if (AccountInfoInteger(ACCOUNT_TRADE_EXPERT) == 0) {
    Deny(verdict, RETCODE_SERVER_DISABLES_AT, "the server forbids experts on this account");
  }
}

bool MayTrade() {
  Verdict verdict;
  CheckPermissions(verdict);
  return verdict.retcode == 0;
}

void EncodeAccount(WireAccount &to) {
  ZeroMemory(to);
  SetText(to.login, LoginText());
  SetText(to.currency, AccountInfoString(ACCOUNT_CURRENCY));
  to.balance = AccountInfoDouble(ACCOUNT_BALANCE);
  to.equity = AccountInfoDouble(ACCOUNT_EQUITY);
  to.margin = AccountInfoDouble(ACCOUNT_MARGIN);
  to.free_margin = AccountInfoDouble(ACCOUNT_MARGIN_FREE);
  to.leverage = (uint)AccountInfoInteger(ACCOUNT_LEVERAGE);
  SetText(to.margin_mode, MarginModeName());
  to.trade_allowed = (uchar)(MayTrade() ? 1 : 0);
  to.time_ms = BrokerMs();
}

#endif
