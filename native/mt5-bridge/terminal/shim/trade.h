// Requests, active orders, positions and history.
#pragma once

#include "terminal/shim/structs.h"

bool OrderSend(const MqlTradeRequest& request, MqlTradeResult& result);
bool OrderSendAsync(const MqlTradeRequest& request, MqlTradeResult& result);
bool OrderCheck(const MqlTradeRequest& request, MqlTradeCheckResult& result);
bool OrderCalcMargin(ENUM_ORDER_TYPE type, const string& symbol, double volume, double price, double& margin);
bool OrderCalcProfit(ENUM_ORDER_TYPE type, const string& symbol, double volume, double open, double close,
                     double& profit);

// Each of the functions that select copies what it found: the properties are read from that copy.
int OrdersTotal();
ulong OrderGetTicket(int at);
bool OrderSelect(ulong ticket);
long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER property);
double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE property);
string OrderGetString(ENUM_ORDER_PROPERTY_STRING property);

int PositionsTotal();
ulong PositionGetTicket(int at);
string PositionGetSymbol(int at);
bool PositionSelect(const string& symbol);
bool PositionSelectByTicket(ulong ticket);
long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER property);
double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE property);
string PositionGetString(ENUM_POSITION_PROPERTY_STRING property);

bool HistorySelect(datetime from, datetime to);
bool HistorySelectByPosition(long position_id);
bool HistoryOrderSelect(ulong ticket);
bool HistoryDealSelect(ulong ticket);
int HistoryOrdersTotal();
int HistoryDealsTotal();
ulong HistoryOrderGetTicket(int at);
ulong HistoryDealGetTicket(int at);
long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER property);
double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE property);
string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING property);
long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER property);
double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE property);
string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING property);
