// Time, program, terminal, account, chart, events and global variables.
#pragma once

#include "terminal/shim/constants.h"
#include "terminal/shim/structs.h"

int GetLastError();
void ResetLastError();
bool IsStopped();
void ExpertRemove();
void Sleep(int milliseconds);

ulong GetTickCount64();
uint GetTickCount();
ulong GetMicrosecondCount();
datetime TimeCurrent();
datetime TimeCurrent(MqlDateTime& parts);
datetime TimeTradeServer();
datetime TimeTradeServer(MqlDateTime& parts);
datetime TimeGMT();
datetime TimeGMT(MqlDateTime& parts);
datetime TimeLocal();
datetime TimeLocal(MqlDateTime& parts);
int TimeGMTOffset();
bool TimeToStruct(datetime time, MqlDateTime& parts);
datetime StructToTime(const MqlDateTime& parts);

long TerminalInfoInteger(ENUM_TERMINAL_INFO_INTEGER property);
double TerminalInfoDouble(ENUM_TERMINAL_INFO_DOUBLE property);
string TerminalInfoString(ENUM_TERMINAL_INFO_STRING property);
long MQLInfoInteger(ENUM_MQL_INFO_INTEGER property);
string MQLInfoString(ENUM_MQL_INFO_STRING property);
long AccountInfoInteger(ENUM_ACCOUNT_INFO_INTEGER property);
double AccountInfoDouble(ENUM_ACCOUNT_INFO_DOUBLE property);
string AccountInfoString(ENUM_ACCOUNT_INFO_STRING property);

bool EventSetTimer(int seconds);
bool EventSetMillisecondTimer(int milliseconds);
void EventKillTimer();
bool EventChartCustom(long chart_id, ushort event_id, long lparam, double dparam, const string& sparam);
long ChartID();
long ChartGetInteger(long chart_id, ENUM_CHART_PROPERTY_INTEGER property, int window = 0);
string Symbol();
ENUM_TIMEFRAMES Period();

datetime GlobalVariableSet(const string& name, double value);
double GlobalVariableGet(const string& name);
bool GlobalVariableGet(const string& name, double& value);
bool GlobalVariableCheck(const string& name);
bool GlobalVariableDel(const string& name);
bool GlobalVariableTemp(const string& name);
bool GlobalVariableSetOnCondition(const string& name, double value, double check);
void GlobalVariablesFlush();
