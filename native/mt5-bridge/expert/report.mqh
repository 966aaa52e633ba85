// Lines for the terminal's journal: "troupe <level> <code>: <message>". The same code at most once in ten seconds, so
// that a fault that stays fills no disk.
#ifndef TROUPE_REPORT_MQH
#define TROUPE_REPORT_MQH

#include "clock.mqh"

#define REPORT_CODES 32
#define REPORT_EVERY_US 10000000

struct ReportedCode {
  string code;
  long at_us;
  int untold;
};

ReportedCode g_reported[REPORT_CODES];
int g_reported_count = 0;
int g_reports = 0;  // all, told or not

void Report(string level, string code, string message) {
  g_reports++;
  const long now_us = MonotonicUs();
  int at = 0;
  while (at < g_reported_count && g_reported[at].code != code) at++;
  if (at < g_reported_count && now_us - g_reported[at].at_us < REPORT_EVERY_US) {
    g_reported[at].untold++;
    return;
  }
  string more = "";
  if (at < g_reported_count && g_reported[at].untold > 0) more = StringFormat(" (and %d more)", g_reported[at].untold);
  if (at == REPORT_CODES) at = REPORT_CODES - 1;
  if (at >= g_reported_count) g_reported_count = at + 1;
  g_reported[at].code = code;
  g_reported[at].at_us = now_us;
  g_reported[at].untold = 0;
  PrintFormat("troupe %s %s: %s%s", level, code, message, more);
}

void Inform(string message) { PrintFormat("troupe info: %s", message); }

#endif
