// Return codes of the trade server, with the names of the MQL5 reference less their prefix, and what each means for a
// request that was sent: the daemon's table (bridge/retcode_class.cpp, docs/return-codes.md), to which
// test/expert_layout_test.cpp holds this one.
#ifndef TROUPE_RETCODES_MQH
#define TROUPE_RETCODES_MQH

#include "messages.mqh"

#define RETCODE_REQUOTE 10004
#define RETCODE_REJECT 10006
#define RETCODE_CANCEL 10007
#define RETCODE_PLACED 10008
#define RETCODE_DONE 10009
#define RETCODE_DONE_PARTIAL 10010
#define RETCODE_ERROR 10011
#define RETCODE_TIMEOUT 10012
#define RETCODE_INVALID 10013
#define RETCODE_INVALID_VOLUME 10014
#define RETCODE_INVALID_PRICE 10015
#define RETCODE_INVALID_STOPS 10016
#define RETCODE_TRADE_DISABLED 10017
#define RETCODE_MARKET_CLOSED 10018
#define RETCODE_PRICE_OFF 10021
#define RETCODE_INVALID_EXPIRATION 10022
#define RETCODE_ORDER_CHANGED 10023
#define RETCODE_TOO_MANY_REQUESTS 10024
#define RETCODE_NO_CHANGES 10025
#define RETCODE_SERVER_DISABLES_AT 10026
#define RETCODE_CLIENT_DISABLES_AT 10027
#define RETCODE_LOCKED 10028
#define RETCODE_FROZEN 10029
#define RETCODE_INVALID_FILL 10030
#define RETCODE_CONNECTION 10031
#define RETCODE_LIMIT_ORDERS 10033
#define RETCODE_LIMIT_VOLUME 10034
#define RETCODE_INVALID_ORDER 10035
#define RETCODE_POSITION_CLOSED 10036
#define RETCODE_INVALID_CLOSE_VOLUME 10038
#define RETCODE_LONG_ONLY 10042
#define RETCODE_SHORT_ONLY 10043
#define RETCODE_CLOSE_ONLY 10044
#define RETCODE_LAST 10046

// The outcome that a code of the server means. A code that is not in the table means that nobody knows.
int OutcomeOf(uint retcode) {
  switch (retcode) {
    case RETCODE_DONE:
    case RETCODE_DONE_PARTIAL:
    case RETCODE_NO_CHANGES:
      return OUTCOME_DONE;
    case RETCODE_PLACED:
      return OUTCOME_ACCEPTED;
    case RETCODE_ERROR:
    case RETCODE_TIMEOUT:
    case RETCODE_CONNECTION:
    case 10005:
    case 10037:
      return OUTCOME_UNKNOWN;
    default:
      return retcode >= RETCODE_REQUOTE && retcode <= RETCODE_LAST ? OUTCOME_REJECTED : OUTCOME_UNKNOWN;
  }
}

#endif
